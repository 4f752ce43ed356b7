/*
 * time.c -- clocks, sleeping, alarms and interval timers.
 *
 * Owns:    its timers.
 * Locks:   none.
 * Fails:   see tap.h. Only lower bounds are checked tightly: the machine may be slow.
 * Tested:  conformance.py, on Linux first.
 */
#include "tap.h"

#include <pthread.h>
#include <sys/syscall.h>
#include <sys/time.h>
#include <sys/times.h>

static volatile sig_atomic_t nsignals;

static void take(int number)
{
	(void)number;
	nsignals++;
}

static int64_t ns_of(clockid_t clock)
{
	struct timespec now;

	CHECK_EQ(clock_gettime(clock, &now), 0);
	CHECK(now.tv_nsec >= 0 && now.tv_nsec < 1000000000);
	return now.tv_sec * 1000000000LL + now.tv_nsec;
}

TEST("every clock moves forward, by vDSO and by system call alike")
{
	clockid_t clocks[] = { CLOCK_REALTIME, CLOCK_MONOTONIC, CLOCK_MONOTONIC_RAW,
			       CLOCK_BOOTTIME, CLOCK_REALTIME_COARSE, CLOCK_MONOTONIC_COARSE };

	for (size_t i = 0; i < sizeof(clocks) / sizeof(clocks[0]); i++) {
		int64_t first = ns_of(clocks[i]), last = first;
		struct timespec raw;

		for (int k = 0; k < 1000; k++) {
			int64_t now = ns_of(clocks[i]);

			CHECK(now >= last);
			last = now;
		}
		CHECK_EQ(syscall(SYS_clock_gettime, clocks[i], &raw), 0);
		CHECK(raw.tv_sec * 1000000000LL + raw.tv_nsec >= last - 20000000);
		sleep_ms(15);
		CHECK(ns_of(clocks[i]) > first);
	}
}

TEST("time, gettimeofday and CLOCK_REALTIME agree, and it is not 1970")
{
	struct timeval tv;
	int64_t real = ns_of(CLOCK_REALTIME);
	time_t seconds = time(NULL);

	CHECK_EQ(gettimeofday(&tv, NULL), 0);
	CHECK(tv.tv_sec * 1000000000LL + tv.tv_usec * 1000LL - real < 2000000000LL);
	CHECK(tv.tv_sec * 1000000000LL + tv.tv_usec * 1000LL >= real - 1000);
	CHECK(seconds - real / 1000000000 <= 1 && seconds >= real / 1000000000 - 1);
	CHECK(seconds > 1600000000);
	CHECK_EQ(syscall(SYS_time, NULL) / 10, time(NULL) / 10);
}

TEST("unknown clocks are EINVAL, clock_getres gives a resolution")
{
	struct timespec t;

	CHECK_ERR(syscall(SYS_clock_gettime, 77, &t), EINVAL);
	CHECK_ERR(syscall(SYS_clock_getres, 77, &t), EINVAL);
	CHECK_EQ(clock_getres(CLOCK_MONOTONIC, &t), 0);
	CHECK_EQ(t.tv_sec, 0);
	CHECK(t.tv_nsec >= 1 && t.tv_nsec <= 10000000);
	CHECK_ERR(syscall(SYS_clock_gettime, CLOCK_MONOTONIC, 1), EFAULT);
}

TEST("the process clock counts work and not sleep")
{
	int64_t start = ns_of(CLOCK_PROCESS_CPUTIME_ID), slept, worked;

	sleep_ms(100);
	slept = ns_of(CLOCK_PROCESS_CPUTIME_ID) - start;
	start = ns_of(CLOCK_MONOTONIC);
	while (ns_of(CLOCK_MONOTONIC) - start < 50000000)
		;
	worked = ns_of(CLOCK_PROCESS_CPUTIME_ID) - slept;
	CHECK(slept < 50000000);
	CHECK(worked > 5000000);
	CHECK(ns_of(CLOCK_THREAD_CPUTIME_ID) > 5000000);
}

TEST("nanosleep sleeps at least as long as asked, and refuses a bad time")
{
	struct timespec naps[] = { { 0, 0 }, { 0, 1 }, { 0, 1000000 }, { 0, 25000000 } };
	struct timespec bad[] = { { -1, 0 }, { 0, -1 }, { 0, 1000000000 } };

	for (int i = 0; i < 4; i++) {
		int64_t start = now_ns();

		CHECK_EQ(nanosleep(&naps[i], NULL), 0);
		CHECK(now_ns() - start >= naps[i].tv_nsec);
		CHECK(now_ns() - start < 2000000000);
	}
	for (int i = 0; i < 3; i++)
		CHECK_ERR(nanosleep(&bad[i], NULL), EINVAL);
	CHECK_ERR(syscall(SYS_nanosleep, 1, NULL), EFAULT);
}

TEST("clock_nanosleep to an absolute time in the past returns at once")
{
	struct timespec then;
	int64_t start;

	CHECK_EQ(clock_gettime(CLOCK_MONOTONIC, &then), 0);
	CHECK_EQ(clock_nanosleep(CLOCK_MONOTONIC, TIMER_ABSTIME, &then, NULL), 0);
	then.tv_nsec += 20000000;
	if (then.tv_nsec >= 1000000000) {
		then.tv_sec++;
		then.tv_nsec -= 1000000000;
	}
	start = now_ns();
	CHECK_EQ(clock_nanosleep(CLOCK_MONOTONIC, TIMER_ABSTIME, &then, NULL), 0);
	CHECK(now_ns() >= then.tv_sec * 1000000000LL + then.tv_nsec);
	CHECK(now_ns() - start < 2000000000);
	CHECK_EQ(clock_nanosleep(77, 0, &then, NULL), EINVAL);
}

TEST("alarm gives the seconds that were left and sends SIGALRM once")
{
	signal(SIGALRM, take);
	CHECK_EQ(alarm(100), 0);
	CHECK_EQ(alarm(50), 100);
	CHECK_EQ(alarm(1), 50);
	CHECK_EQ(pause(), -1);
	CHECK_EQ(nsignals, 1);
	CHECK_EQ(alarm(0), 0);
}

TEST("setitimer repeats until it is switched off and tells what is left")
{
	struct itimerval often = { { 0, 5000 }, { 0, 5000 } }, off = { { 0, 0 }, { 0, 0 } }, old;
	int64_t start = now_ns();

	signal(SIGALRM, take);
	CHECK_EQ(setitimer(ITIMER_REAL, &often, NULL), 0);
	while (nsignals < 5)
		pause();
	CHECK(now_ns() - start >= 25000000);
	CHECK_EQ(getitimer(ITIMER_REAL, &old), 0);
	CHECK_EQ(old.it_interval.tv_usec, 5000);
	CHECK(old.it_value.tv_sec == 0 && old.it_value.tv_usec <= 5000);
	CHECK_EQ(setitimer(ITIMER_REAL, &off, &old), 0);
	CHECK_EQ(old.it_interval.tv_usec, 5000);
	nsignals = 0;
	sleep_ms(20);
	CHECK_EQ(nsignals, 0);
	often.it_value.tv_usec = 1000000;
	CHECK_ERR(setitimer(ITIMER_REAL, &often, NULL), EINVAL);
	CHECK_ERR(setitimer(9, &off, NULL), EINVAL);
}

TEST("ITIMER_VIRTUAL and ITIMER_PROF count work")
{
	struct itimerval soon = { { 0, 0 }, { 0, 20000 } };

	signal(SIGVTALRM, take);
	signal(SIGPROF, take);
	if (setitimer(ITIMER_VIRTUAL, &soon, NULL) != 0 && errno == ENOSYS)
		SKIP("ITIMER_VIRTUAL is ENOSYS");
	sleep_ms(60);
	CHECK_EQ(nsignals, 0);
	while (nsignals == 0)
		;
	CHECK_EQ(setitimer(ITIMER_PROF, &soon, NULL), 0);
	while (nsignals == 1)
		getppid();
}

TEST("a POSIX timer fires into a signal with its value")
{
	struct sigevent event = { .sigev_notify = SIGEV_SIGNAL, .sigev_signo = SIGUSR1,
				  .sigev_value.sival_int = 77 };
	struct itimerspec soon = { { 0, 0 }, { 0, 10000000 } }, left;
	siginfo_t info;
	sigset_t set;
	timer_t timer;

	sigemptyset(&set);
	sigaddset(&set, SIGUSR1);
	sigprocmask(SIG_BLOCK, &set, NULL);
	if (timer_create(CLOCK_MONOTONIC, &event, &timer) != 0 && errno == ENOSYS)
		SKIP("timer_create is ENOSYS");
	CHECK_EQ(timer_settime(timer, 0, &soon, NULL), 0);
	CHECK_EQ(timer_gettime(timer, &left), 0);
	CHECK(left.it_value.tv_nsec <= 10000000);
	CHECK_EQ(sigwaitinfo(&set, &info), SIGUSR1);
	CHECK_EQ(info.si_code, SI_TIMER);
	CHECK_EQ(info.si_value.sival_int, 77);
	CHECK_EQ(timer_delete(timer), 0);
	CHECK_ERR(syscall(SYS_timer_delete, 0), EINVAL);
}

TEST("timer_create without an event sends SIGALRM with the timer's number")
{
	struct itimerspec soon = { { 0, 0 }, { 0, 20000000 } }, left;
	sigset_t set;
	siginfo_t info;
	int timer = -1;

	sigemptyset(&set);
	sigaddset(&set, SIGALRM);
	CHECK_EQ(sigprocmask(SIG_BLOCK, &set, NULL), 0);
	CHECK_EQ(syscall(SYS_timer_create, CLOCK_MONOTONIC, NULL, &timer), 0);
	CHECK_EQ(syscall(SYS_timer_settime, timer, 0, &soon, NULL), 0);
	CHECK_EQ(syscall(SYS_timer_gettime, timer, &left), 0);
	CHECK(left.it_value.tv_nsec > 0 && left.it_value.tv_nsec <= 20000000);
	CHECK_EQ(sigwaitinfo(&set, &info), SIGALRM);
	CHECK_EQ(info.si_code, SI_TIMER);
	CHECK_EQ(info.si_value.sival_int, timer);
	CHECK_EQ(syscall(SYS_timer_gettime, timer, &left), 0);
	CHECK_EQ(left.it_value.tv_nsec, 0);
	CHECK_EQ(syscall(SYS_timer_delete, timer), 0);
	CHECK_ERR(syscall(SYS_timer_delete, timer), EINVAL);
}

TEST("a POSIX timer counts what it could not send, and refuses clocks, signals and times there are not")
{
	struct itimerspec often = { { 0, 1000000 }, { 0, 1000000 } }, bad = { { 0, 0 }, { 0, 1000000000 } };
	struct sigevent event = { .sigev_notify = SIGEV_SIGNAL, .sigev_signo = SIGUSR1 };
	sigset_t set;
	siginfo_t info;
	int timer = -1;

	sigemptyset(&set);
	sigaddset(&set, SIGUSR1);
	CHECK_EQ(sigprocmask(SIG_BLOCK, &set, NULL), 0);
	CHECK_ERR(syscall(SYS_timer_create, 77, &event, &timer), EINVAL);
	event.sigev_signo = 65;
	CHECK_ERR(syscall(SYS_timer_create, CLOCK_REALTIME, &event, &timer), EINVAL);
	event.sigev_signo = SIGUSR1;
	CHECK_ERR(syscall(SYS_timer_create, CLOCK_REALTIME, &event, (void *)8), EFAULT);
	CHECK_EQ(syscall(SYS_timer_create, CLOCK_REALTIME, &event, &timer), 0);
	CHECK_ERR(syscall(SYS_timer_settime, timer, 0, &bad, NULL), EINVAL);
	CHECK_ERR(syscall(SYS_timer_settime, timer, 0, NULL, NULL), EINVAL);
	CHECK_EQ(syscall(SYS_timer_settime, timer, 0, &often, NULL), 0);
	sleep_ms(50);
	CHECK_EQ(sigwaitinfo(&set, &info), SIGUSR1);
	CHECK(info.si_overrun >= 10);
	CHECK_EQ(syscall(SYS_timer_getoverrun, timer), info.si_overrun);
	CHECK_EQ(syscall(SYS_timer_delete, timer), 0);
}

TEST("a timerfd counts its expirations and is readable after each")
{
	struct itimerspec often = { { 0, 5000000 }, { 0, 5000000 } };
	uint64_t count = 0;
	struct pollfd one = { .events = POLLIN };

	one.fd = (int)syscall(SYS_timerfd_create, CLOCK_MONOTONIC, O_NONBLOCK);
	if (one.fd < 0 && errno == ENOSYS)
		SKIP("timerfd_create is ENOSYS");
	CHECK_ERR(read(one.fd, &count, 8), EAGAIN);
	CHECK_EQ(syscall(SYS_timerfd_settime, one.fd, 0, &often, NULL), 0);
	CHECK_EQ(poll(&one, 1, 5000), 1);
	sleep_ms(20);
	CHECK_EQ(read(one.fd, &count, 8), 8);
	CHECK(count >= 4);
}

/* How often a loop goes round in 300 ms of this process's CPU time. */
static uint64_t rounds_of_300_ms(void)
{
	struct timespec now;
	uint64_t rounds = 0;

	CHECK_EQ(clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &now), 0);
	for (int64_t stop = now.tv_sec * 1000000000ll + now.tv_nsec + 300000000; now.tv_sec * 1000000000ll + now.tv_nsec < stop;
	     rounds++) {
		for (volatile int i = 0; i < 1000; i++)
			;
		clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &now);
	}
	return rounds;
}

TEST("three hundred timerfds of a nanosecond that nobody reads leave others the CPU")
{
	struct itimerspec fast = { { 0, 1 }, { 0, 1 } };
	uint64_t alone, beside;
	int ready[2];
	pid_t child;
	char c;

	CHECK_EQ(pipe(ready), 0);
	alone = rounds_of_300_ms();
	CHILD(child) {
		for (int i = 0; i < 300; i++) {
			int fd = (int)syscall(SYS_timerfd_create, CLOCK_MONOTONIC, 0);

			CHECK(fd >= 0);
			CHECK_EQ(syscall(SYS_timerfd_settime, fd, 0, &fast, NULL), 0);
		}
		CHECK_EQ(write(ready[1], "r", 1), 1);
		for (;;)
			pause();
	}
	CHECK_EQ(read(ready[0], &c, 1), 1);
	sleep_ms(50);
	beside = rounds_of_300_ms();
	tap_note("%llu rounds alone, %llu beside them", (unsigned long long)alone, (unsigned long long)beside);
	CHECK(beside > alone / 2);
	CHECK_EQ(kill(child, SIGKILL), 0);
	CHECK_EQ(waitpid(child, NULL, 0), child);
}

TEST("a timerfd forgets its count when it is set, tells what is left, and rings once without an interval")
{
	struct itimerspec soon = { { 0, 0 }, { 0, 5000000 } }, late = { { 7, 0 }, { 100, 0 } }, left;
	int fd = (int)syscall(SYS_timerfd_create, CLOCK_MONOTONIC, O_NONBLOCK | O_CLOEXEC), n;
	char text[64], link[64];
	uint64_t count;

	CHECK(fd >= 0);
	CHECK_EQ(syscall(SYS_timerfd_gettime, fd, &left), 0);
	CHECK(left.it_value.tv_sec == 0 && left.it_value.tv_nsec == 0);
	CHECK_EQ(syscall(SYS_timerfd_settime, fd, 0, &soon, NULL), 0);
	sleep_ms(30);
	CHECK_EQ(syscall(SYS_timerfd_settime, fd, 0, &late, &left), 0);
	CHECK(left.it_value.tv_sec == 0 && left.it_value.tv_nsec == 0);
	CHECK_ERR(read(fd, &count, 8), EAGAIN);
	CHECK_EQ(syscall(SYS_timerfd_gettime, fd, &left), 0);
	CHECK(left.it_interval.tv_sec == 7 && left.it_value.tv_sec >= 98 && left.it_value.tv_sec <= 100);
	CHECK_EQ(syscall(SYS_timerfd_settime, fd, 0, &soon, &left), 0);
	CHECK_EQ(left.it_interval.tv_sec, 7);
	sleep_ms(30);
	CHECK_ERR(read(fd, &count, 4), EINVAL);
	CHECK_EQ(read(fd, &count, 8), 8);
	CHECK_EQ(count, 1);
	CHECK_ERR(read(fd, &count, 8), EAGAIN);
	snprintf(link, sizeof(link), "/proc/self/fd/%d", fd);
	n = (int)readlink(link, text, sizeof(text) - 1);
	CHECK(n > 0);
	text[n] = 0;
	CHECK_EQ(strcmp(text, "anon_inode:[timerfd]"), 0);
	CHECK_ERR(syscall(SYS_timerfd_settime, 0, 0, &soon, NULL), EINVAL);
	CHECK_ERR(syscall(SYS_timerfd_settime, 999, 0, &soon, NULL), EBADF);
	CHECK_ERR(syscall(SYS_timerfd_settime, fd, 8, &soon, NULL), EINVAL);
	CHECK_ERR(syscall(SYS_timerfd_create, 99, 0), EINVAL);
	CHECK_ERR(syscall(SYS_timerfd_create, CLOCK_MONOTONIC, 1), EINVAL);
}

TEST("times counts ticks of 1/100 second and gives a clock that moves")
{
	struct tms before, after;
	clock_t start = times(&before), end;

	sleep_ms(50);
	end = times(&after);
	CHECK(end - start >= 4 && end - start < 200);
	CHECK_EQ(sysconf(_SC_CLK_TCK), 100);
	CHECK(after.tms_utime >= before.tms_utime);
}

TEST("times adds up the children that were waited for")
{
	struct tms sum;
	pid_t child;

	CHILD(child) {
		int64_t start = now_ns();

		while (now_ns() - start < 80000000)
			;
	}
	times(&sum);
	CHECK_EQ(sum.tms_cutime + sum.tms_cstime, 0);
	REAP(child, 0);
	times(&sum);
	CHECK(sum.tms_cutime + sum.tms_cstime > 0);
}

static void *clocked_work(void *done)
{
	while (ns_of(CLOCK_THREAD_CPUTIME_ID) < 30000000)
		;
	CHECK_EQ(write(*(int *)done, "d", 1), 1);
	pause();
	return NULL;
}

TEST("one thread reads another's clock of CPU time, and a process any process's, but not a stranger's thread's")
{
	struct timespec now;
	pthread_t thread;
	clockid_t clock;
	int done[2];
	char byte;
	pid_t child;

	CHECK_EQ(pipe(done), 0);
	CHECK_EQ(pthread_create(&thread, NULL, clocked_work, &done[1]), 0);
	CHECK_EQ(pthread_getcpuclockid(thread, &clock), 0);
	CHECK_EQ(read(done[0], &byte, 1), 1);
	CHECK(ns_of(clock) >= 30000000);
	CHECK(ns_of(CLOCK_THREAD_CPUTIME_ID) < ns_of(clock));
	CHECK_EQ(pthread_getcpuclockid(pthread_self(), &clock), 0);
	CHECK(ns_of(clock) <= ns_of(CLOCK_THREAD_CPUTIME_ID));
	CHILD(child)
		clocked_work(&done[1]);
	CHECK_EQ(read(done[0], &byte, 1), 1);
	CHECK_EQ(clock_getcpuclockid(child, &clock), 0);
	CHECK(ns_of(clock) >= 30000000);
	CHECK_ERR(clock_gettime(clock | 4, &now), EINVAL);	/* its thread */
	CHECK_ERR(clock_gettime(clock | 3, &now), EINVAL);	/* of a descriptor */
	CHECK_ERR(clock_gettime(-8 * 0x0ffffff0, &now), EINVAL);
	CHECK_EQ(kill(child, SIGKILL), 0);
	CHECK_EQ(waitpid(child, NULL, 0), child);
	CHECK_ERR(clock_gettime(clock, &now), EINVAL);
}
