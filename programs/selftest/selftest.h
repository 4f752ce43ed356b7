/*
 * selftest.h -- what the parts of selftest share.
 */
#ifndef SELFTEST_H
#define SELFTEST_H

#include <programs/common/child.h>

/* Reports the first thing wrong in the running test and goes on; its value is the condition's. */
bool check_at(const char *file, int line, const char *what, bool ok, int64_t value);
#define CHECK(x) check_at(__FILE__, __LINE__, #x, (x), 0)
#define CHECK_IS(call, expected) \
	do { int64_t got_ = (call); check_at(__FILE__, __LINE__, #call " is " #expected, got_ == (expected), got_); \
	} while (0)
bool test_failed(void);		/* the running one has */
/* a handle or count that must be there: the test program cannot go on without */
int64_t need_at(const char *file, int line, const char *what, int64_t result);
#define NEED(call) need_at(__FILE__, __LINE__, #call, (call))
#define NEED_HANDLE(call) ((handle_t)NEED(call))

/*
 * Checks that there are as many objects of every kind as in *before, and says of which not.  What a killed
 * task leaves to another CPU to free is given a little time.
 */
void objects_check(const struct system_info *before);

struct test {
	const char *sentence;
	void (*run)(void);
};
extern const struct test tests_rights[], tests_fuzz[], tests_life[], tests_memory[], tests_pager[];	/* ended by a NULL sentence */

#endif
