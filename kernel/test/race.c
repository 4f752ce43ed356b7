/*
 * race.c -- what another CPU does just before this one has a lock, for host tests.
 */
#include "race.h"
#include "kernel.h"

struct host_race host_race;
static void (*race_other)(void);

/* The lock checker has noted the lock already. */
static void race_run(uint32_t *held)
{
	struct spinlock *l = container_of(held, struct spinlock, held);

	lock_check_drop(l);
	if (lock_check_holds() && !host_race.lock)
		host_race.n = 1;		/* the next one */
	else
		race_other();
	lock_check_take(l, lock_check_holds());
}

void host_race_at(struct spinlock *l, unsigned n, void (*other)(void))
{
	race_other = other;
	host_race = (struct host_race){ l ? &l->held : NULL, n, race_run };
}

bool host_race_over(void)
{
	bool over = host_race.n == 0;

	host_race.n = 0;
	return over;
}
