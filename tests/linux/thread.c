/*
 * thread.c -- threads and futexes, through musl's pthreads and directly.
 *
 * Owns:    its threads.
 * Locks:   the ones under test.
 * Fails:   see tap.h. A failed check in a thread ends the whole case.
 * Tested:  conformance.py, on Linux first.
 */
#include "tap.h"

#include <pthread.h>
#include <sched.h>
#include <sys/mman.h>
#include <sys/syscall.h>

#define FUTEX_WAIT		0
#define FUTEX_WAKE		1
#define FUTEX_REQUEUE		3
#define FUTEX_CMP_REQUEUE	4
#define FUTEX_WAKE_OP		5
#define FUTEX_WAIT_BITSET	9
#define FUTEX_WAKE_BITSET	10
#define FUTEX_PRIVATE		128

static long futex(volatile int *word, int operation, int value, const struct timespec *limit)
{
	return syscall(SYS_futex, word, operation, value, limit, NULL, 0);
}

static volatile int word;
static volatile int handled_by;

static void note_thread(int number)
{
	(void)number;
	handled_by = (int)syscall(SYS_gettid);
}

TEST("futex wait with another value is EAGAIN, and ETIMEDOUT when time is up")
{
	struct timespec limit = { 0, 20000000 }, bad = { 0, -1 };
	int64_t start = now_ns();

	CHECK_ERR(futex(&word, FUTEX_WAIT | FUTEX_PRIVATE, 1, NULL), EAGAIN);
	CHECK_ERR(futex(&word, FUTEX_WAIT | FUTEX_PRIVATE, 0, &limit), ETIMEDOUT);
	CHECK(now_ns() - start >= 20000000);
	CHECK_ERR(futex(&word, FUTEX_WAIT, 0, &limit), ETIMEDOUT);
	CHECK_ERR(futex(&word, FUTEX_WAIT, 0, &bad), EINVAL);
	CHECK_ERR(futex((int *)((char *)&word + 1), FUTEX_WAIT, 0, &limit), EINVAL);
	CHECK_ERR(futex((int *)4096, FUTEX_WAIT, 0, &limit), EFAULT);
	CHECK_ERR(futex(&word, 77, 0, &limit), ENOSYS);
	CHECK_EQ(futex(&word, FUTEX_WAKE | FUTEX_PRIVATE, 10, NULL), 0);
}

TEST("a futex in shared memory joins two processes")
{
	volatile int *shared = mmap(NULL, 4096, PROT_READ | PROT_WRITE,
				    MAP_SHARED | MAP_ANONYMOUS, -1, 0);
	pid_t child;

	CHILD(child) {
		while (*shared == 0)
			futex(shared, FUTEX_WAIT, 0, NULL);
		_exit(*shared);
	}
	sleep_ms(30);
	*shared = 23;
	CHECK_EQ(futex(shared, FUTEX_WAKE, 1, NULL), 1);
	REAP(child, 23);
}

TEST("a private futex in copied memory does not join parent and child")
{
	struct timespec limit = { 0, 80000000 };
	pid_t child;

	word = 0;
	CHILD(child)
		CHECK_ERR(futex(&word, FUTEX_WAIT, 0, &limit), ETIMEDOUT);
	sleep_ms(30);
	CHECK_EQ(futex(&word, FUTEX_WAKE, 1, NULL), 0);
	REAP(child, 0);
}

static volatile int nwoken;

static void *waiter(void *bits)
{
	if (syscall(SYS_futex, &word, FUTEX_WAIT_BITSET | FUTEX_PRIVATE, 0, NULL, NULL,
		    (int)(intptr_t)bits) == 0)
		__atomic_fetch_add(&nwoken, 1, __ATOMIC_SEQ_CST);
	return NULL;
}

static void waiters_start(pthread_t *threads, int count, intptr_t bits)
{
	for (int i = 0; i < count; i++)
		CHECK_EQ(pthread_create(&threads[i], NULL, waiter, (void *)bits), 0);
	sleep_ms(60);
}

TEST("wake wakes as many as it is told and says how many")
{
	pthread_t threads[5];

	waiters_start(threads, 5, -1);
	CHECK_EQ(futex(&word, FUTEX_WAKE | FUTEX_PRIVATE, 2, NULL), 2);
	sleep_ms(30);
	CHECK_EQ(nwoken, 2);
	CHECK_EQ(futex(&word, FUTEX_WAKE | FUTEX_PRIVATE, 0x7fffffff, NULL), 3);
	for (int i = 0; i < 5; i++)
		pthread_join(threads[i], NULL);
	CHECK_EQ(nwoken, 5);
}

TEST("told to wake none, wake wakes one")
{
	pthread_t threads[2];

	waiters_start(threads, 2, -1);
	CHECK_EQ(futex(&word, FUTEX_WAKE | FUTEX_PRIVATE, 0, NULL), 1);
	CHECK_EQ(futex(&word, FUTEX_WAKE | FUTEX_PRIVATE, -1, NULL), 1);
	CHECK_EQ(futex(&word, FUTEX_WAKE | FUTEX_PRIVATE, 0, NULL), 0);
	for (int i = 0; i < 2; i++)
		pthread_join(threads[i], NULL);
}

TEST("a bitset wakes only those who share a bit")
{
	pthread_t a, b;

	waiters_start(&a, 1, 1);
	waiters_start(&b, 1, 2);
	CHECK_EQ(syscall(SYS_futex, &word, FUTEX_WAKE_BITSET | FUTEX_PRIVATE, 10, NULL, NULL, 2), 1);
	pthread_join(b, NULL);
	CHECK_EQ(syscall(SYS_futex, &word, FUTEX_WAKE_BITSET | FUTEX_PRIVATE, 10, NULL, NULL, 1), 1);
	pthread_join(a, NULL);
	CHECK_ERR(syscall(SYS_futex, &word, FUTEX_WAKE_BITSET | FUTEX_PRIVATE, 1, NULL, NULL, 0),
		  EINVAL);
}

TEST("requeue moves waiters to another word, where they can be woken")
{
	static volatile int other;
	pthread_t threads[3];

	waiters_start(threads, 3, -1);
	CHECK_ERR(syscall(SYS_futex, &word, FUTEX_CMP_REQUEUE | FUTEX_PRIVATE, 1, 10L, &other, 9),
		  EAGAIN);
	CHECK_EQ(syscall(SYS_futex, &word, FUTEX_CMP_REQUEUE | FUTEX_PRIVATE, 1, 10L, &other, 0), 3);
	sleep_ms(20);
	CHECK_EQ(nwoken, 1);
	CHECK_EQ(futex(&word, FUTEX_WAKE | FUTEX_PRIVATE, 10, NULL), 0);
	CHECK_EQ(futex(&other, FUTEX_WAKE | FUTEX_PRIVATE, 10, NULL), 2);
	for (int i = 0; i < 3; i++)
		pthread_join(threads[i], NULL);
}

TEST("wake-op changes the second word and wakes by its old value")
{
	static volatile int other = 5;

	/* other = other + 3; wake second if old value == 5 */
	CHECK_EQ(syscall(SYS_futex, &word, FUTEX_WAKE_OP | FUTEX_PRIVATE, 1, 1L, &other,
			 1 << 28 | 0 << 24 | 3 << 12 | 5), 0);
	CHECK_EQ(other, 8);
}

TEST("a signal ends a futex wait with EINTR")
{
	struct sigaction action = { .sa_handler = note_thread };
	pid_t child, parent = getpid();

	CHECK_EQ(sigaction(SIGUSR1, &action, NULL), 0);
	CHILD(child) {
		sleep_ms(30);
		kill(parent, SIGUSR1);
	}
	word = 0;
	CHECK_ERR(futex(&word, FUTEX_WAIT | FUTEX_PRIVATE, 0, &(struct timespec){ 5, 0 }), EINTR);
	REAP(child, 0);
}

static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;
static pthread_cond_t changed = PTHREAD_COND_INITIALIZER;
static long counter;

static void *count_up(void *times)
{
	for (long i = 0; i < (long)times; i++) {
		pthread_mutex_lock(&lock);
		counter++;
		pthread_mutex_unlock(&lock);
		if (i % 100 == 0)
			sched_yield();
	}
	return (void *)0x77;
}

TEST("a mutex keeps four threads from losing a count, and join gives their results")
{
	pthread_t threads[4];
	void *result;

	for (int i = 0; i < 4; i++)
		CHECK_EQ(pthread_create(&threads[i], NULL, count_up, (void *)5000), 0);
	for (int i = 0; i < 4; i++) {
		CHECK_EQ(pthread_join(threads[i], &result), 0);
		CHECK(result == (void *)0x77);
	}
	CHECK_EQ(counter, 20000);
}

static volatile long turn;

static void *take_turns(void *mine)
{
	pthread_mutex_lock(&lock);
	for (int i = 0; i < 500; i++) {
		while (turn % 2 != (long)mine)
			pthread_cond_wait(&changed, &lock);
		turn++;
		pthread_cond_broadcast(&changed);
	}
	pthread_mutex_unlock(&lock);
	return NULL;
}

TEST("a condition variable hands over a thousand turns")
{
	pthread_t thread;

	CHECK_EQ(pthread_create(&thread, NULL, take_turns, (void *)1), 0);
	take_turns((void *)0);
	pthread_join(thread, NULL);
	CHECK_EQ(turn, 1000);
}

static __thread int local = 5;
static volatile int ids[8];

static void *use_local(void *index)
{
	if (local != 5 || errno != 0)
		return (void *)1;
	local = (int)(intptr_t)index;
	errno = (int)(intptr_t)index;
	ids[(intptr_t)index] = (int)syscall(SYS_gettid);
	sleep_ms(20);
	return (void *)(intptr_t)(local != (intptr_t)index || errno != (intptr_t)index);
}

TEST("each thread has its own thread-local memory, errno and id, and all one pid")
{
	pthread_t threads[8];
	void *bad;

	for (intptr_t i = 0; i < 8; i++)
		CHECK_EQ(pthread_create(&threads[i], NULL, use_local, (void *)i), 0);
	for (int i = 0; i < 8; i++) {
		pthread_join(threads[i], &bad);
		CHECK(bad == NULL);
		CHECK(ids[i] > getpid());
		for (int k = 0; k < i; k++)
			CHECK(ids[k] != ids[i]);
	}
	CHECK_EQ(local, 5);
	CHECK_EQ(syscall(SYS_gettid), getpid());
}

static void *sleep_long(void *unused)
{
	(void)unused;
	for (;;)
		pause();
	return NULL;
}

TEST("exit of the process ends all its threads, and a fatal signal too")
{
	pthread_t thread;
	pid_t child;

	CHILD(child) {
		pthread_create(&thread, NULL, sleep_long, NULL);
		_exit(6);
	}
	REAP(child, 6);
	CHILD(child) {
		pthread_create(&thread, NULL, sleep_long, NULL);
		kill(getpid(), SIGTERM);
		sleep_ms(5000);
	}
	REAP_KILLED(child, SIGTERM);
}

TEST("the first thread may end before the others; the last one's status counts")
{
	pthread_t thread;
	pid_t child;

	void *later(void *unused)
	{
		(void)unused;
		sleep_ms(60);
		syscall(SYS_exit, 8);
		return NULL;
	}
	CHILD(child) {
		pthread_create(&thread, NULL, later, NULL);
		syscall(SYS_exit, 9);
	}
	CHECK_EQ(waitpid(child, NULL, WNOHANG), 0);
	REAP(child, 8);
}

TEST("fork in a process with threads gives a child with one")
{
	pthread_t thread;
	pid_t child;
	char text[64];

	CHECK_EQ(pthread_create(&thread, NULL, sleep_long, NULL), 0);
	CHILD(child) {
		CHECK_EQ(syscall(SYS_gettid), getpid());
		file_read("/proc/self/stat", (char[1024]){ 0 }, 1024);
		CHECK_EQ(access("/proc/self/task", F_OK), 0);
		snprintf(text, sizeof(text), "/proc/self/task/%d", (int)getpid());
		CHECK_EQ(access(text, F_OK), 0);
	}
	REAP(child, 0);
}

TEST("pthread_kill reaches that thread; kill one that does not block the signal")
{
	pthread_t thread;
	sigset_t set;

	signal(SIGUSR1, note_thread);
	CHECK_EQ(pthread_create(&thread, NULL, sleep_long, NULL), 0);
	CHECK_EQ(pthread_kill(thread, SIGUSR1), 0);
	for (int i = 0; i < 200 && handled_by == 0; i++)
		sleep_ms(2);
	CHECK(handled_by != 0 && handled_by != getpid());
	handled_by = 0;
	sigemptyset(&set);
	sigaddset(&set, SIGUSR1);
	CHECK_EQ(pthread_sigmask(SIG_BLOCK, &set, NULL), 0);
	CHECK_EQ(kill(getpid(), SIGUSR1), 0);
	for (int i = 0; i < 200 && handled_by == 0; i++)
		sleep_ms(2);
	CHECK(handled_by != 0 && handled_by != getpid());
}

TEST("a thread can be cancelled in a read")
{
	static int ends[2];
	pthread_t thread;
	void *result;

	void *reader(void *unused)
	{
		char byte;

		read(ends[0], &byte, 1);
		return unused;
	}
	CHECK_EQ(pipe(ends), 0);
	CHECK_EQ(pthread_create(&thread, NULL, reader, NULL), 0);
	sleep_ms(30);
	CHECK_EQ(pthread_cancel(thread), 0);
	CHECK_EQ(pthread_join(thread, &result), 0);
	CHECK(result == PTHREAD_CANCELED);
}

TEST("a robust mutex whose owner died is given on with EOWNERDEAD")
{
	struct shared {
		pthread_mutex_t lock;
	} *shared = mmap(NULL, 4096, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
	pthread_mutexattr_t attributes;
	pid_t child;

	pthread_mutexattr_init(&attributes);
	pthread_mutexattr_setpshared(&attributes, PTHREAD_PROCESS_SHARED);
	pthread_mutexattr_setrobust(&attributes, PTHREAD_MUTEX_ROBUST);
	CHECK_EQ(pthread_mutex_init(&shared->lock, &attributes), 0);
	CHILD(child) {
		CHECK_EQ(pthread_mutex_lock(&shared->lock), 0);
		kill(getpid(), SIGKILL);
	}
	REAP_KILLED(child, SIGKILL);
	CHECK_EQ(pthread_mutex_lock(&shared->lock), EOWNERDEAD);
	CHECK_EQ(pthread_mutex_consistent(&shared->lock), 0);
	CHECK_EQ(pthread_mutex_unlock(&shared->lock), 0);
}

TEST("two hundred threads come and go")
{
	for (int i = 0; i < 200; i++) {
		pthread_t thread;
		void *result;

		CHECK_EQ(pthread_create(&thread, NULL, count_up, (void *)1), 0);
		CHECK_EQ(pthread_join(thread, &result), 0);
	}
	CHECK_EQ(counter, 200);
}

TEST("a barrier lets eight threads go on together")
{
	static pthread_barrier_t barrier;
	static volatile int arrived;
	pthread_t threads[8];

	void *meet(void *unused)
	{
		__atomic_fetch_add(&arrived, 1, __ATOMIC_SEQ_CST);
		pthread_barrier_wait(&barrier);
		return (void *)(intptr_t)(arrived == 8 ? 0 : 1 + (unused != NULL));
	}
	pthread_barrier_init(&barrier, NULL, 8);
	for (int i = 0; i < 8; i++)
		CHECK_EQ(pthread_create(&threads[i], NULL, meet, NULL), 0);
	for (int i = 0; i < 8; i++) {
		void *bad;

		pthread_join(threads[i], &bad);
		CHECK(bad == NULL);
	}
}

TEST("descriptors, memory, directory and handlers are shared by threads")
{
	static int fd;
	pthread_t thread;
	char here[256];

	void *change(void *unused)
	{
		fd = open("/dev/null", O_WRONLY);
		mkdir("d", 0777);
		signal(SIGUSR2, SIG_IGN);
		return chdir("d") == 0 ? NULL : unused;
	}
	CHECK_EQ(pthread_create(&thread, NULL, change, NULL), 0);
	pthread_join(thread, NULL);
	CHECK_EQ(write(fd, "x", 1), 1);
	CHECK(strcmp(strrchr(getcwd(here, sizeof(here)), '/'), "/d") == 0);
	CHECK_EQ(kill(getpid(), SIGUSR2), 0);
}
