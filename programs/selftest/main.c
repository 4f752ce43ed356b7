/*
 * selftest -- the native interface attacked from inside: rights, bad arguments, random calls, leaks.
 *
 * TAP in the log; the machine ends with 0 when everything passed, else with 3 (restart machine).  Every
 * random choice comes from a fixed seed.
 */
#include "selftest.h"

#define SETTLE_NS 500000000ull

static bool failed;

bool check_at(const char *file, int line, const char *what, bool ok, int64_t value)
{
	if (!ok && !failed)
		rt_log("# %s:%d: not so: %s (%ld %s)", file, line, what, value, rt_status_name(value));
	failed |= !ok;
	return ok;
}

int64_t need_at(const char *file, int line, const char *what, int64_t result)
{
	if (result < 0)
		rt_panic("%s:%d: %s: %s", file, line, what, rt_status_text(result));
	return result;
}

bool test_failed(void)
{
	return failed;
}

/* Fewer is well: what an earlier test had left on another CPU has gone meanwhile. */
static bool objects_gone(const struct system_info *before, const struct system_info *now)
{
	for (unsigned type = 0; type < OBJ_TYPES; type++)
		if (now->objects[type] > before->objects[type])
			return false;
	return true;
}

void objects_check(const struct system_info *before)
{
	static struct system_info now;
	uint64_t give_up = rt_mono_ns() + SETTLE_NS;

	NEED(tess_system_query(&now));
	while (!objects_gone(before, &now) && rt_mono_ns() < give_up) {
		tess_thread_yield();
		NEED(tess_system_query(&now));
	}
	for (unsigned type = 0; type < OBJ_TYPES; type++)
		if (!CHECK(now.objects[type] <= before->objects[type]))
			rt_log("# objects of type %u: %lu before, %lu after", type, before->objects[type],
			       now.objects[type]);
}

static unsigned tests_run(const struct test *tests, unsigned *number)
{
	unsigned bad = 0;

	for (; tests->sentence; tests++) {
		failed = false;
		tests->run();
		rt_log("%sok %u - %s", failed ? "not " : "", ++*number, tests->sentence);
		bad += failed;
	}
	return bad;
}

int main(void)
{
	unsigned number = 0, bad = 0;

	bad += tests_run(tests_rights, &number);
	bad += tests_run(tests_life, &number);
	bad += tests_run(tests_memory, &number);
	bad += tests_run(tests_pager, &number);
	bad += tests_run(tests_fuzz, &number);
	rt_log("1..%u", number);
	return bad != 0;
}
