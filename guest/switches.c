/*
 * Preloaded into ovs-vswitchd: one process is all the switches of a network.
 *
 * Pauses. After a revalidation of its datapath flows ovs-vswitchd does not begin the next one
 * within 5 ms. That pause belongs to the process. Here one process is all the switches
 * of a network: a failure noticed by one switch would hold up the repair at another by
 * up to 5 ms, which separate switches never do to each other. So the pause is left out:
 * it is the only wait of at most 5 ms of the threads called "revalidator...".
 *
 * Ports. The kernel's datapath tells ovs-vswitchd of each port that was added, also of
 * those that it has just added itself, and for each it looks through all its bridges:
 * the square of the network. It asks for that by joining a group of generic netlink, the
 * only one that it joins. Here it does not; interfaces that come and go it hears of from
 * route netlink all the same. What it would miss is a port that another program adds to
 * its datapath behind its back (ovs-dpctl add-if).
 *
 * Clock. Three of four system calls of ovs-vswitchd read the clock, and in the guest each is as
 * dear as any other. In virtual time the clock stands still while a thread computes: what it has
 * read stays true until it has slept. So it is read again only after a call that may have slept,
 * and after MOST_REPEATS in any case, so that a loop that waits for the clock comes to its end.
 * With the guest's clock in real time (no CLOCK_STANDS_STILL in the environment) every read is one.
 */
#define _GNU_SOURCE
#include <dlfcn.h>
#include <poll.h>
#include <pthread.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <time.h>
#include <linux/netlink.h>

#define PAUSE_MS 5
#define THREAD "revalidator"
#define CLOCKS 2 /* CLOCK_REALTIME is 0, CLOCK_MONOTONIC 1 */
#define MOST_REPEATS 64

/* Declares `real`: the C library's own function. */
#define REAL(type, name, ...)                                          \
	static type (*real)(__VA_ARGS__);                              \
	if (!real)                                                     \
		real = (type(*)(__VA_ARGS__))dlsym(RTLD_NEXT, #name)

static __thread struct timespec last_read[CLOCKS];
static __thread int repeats_left[CLOCKS];

static void may_have_slept(void)
{
	repeats_left[CLOCK_REALTIME] = repeats_left[CLOCK_MONOTONIC] = 0;
}

static int clock_stands_still(void)
{
	static int known = -1;

	if (known < 0)
		known = getenv("CLOCK_STANDS_STILL") != NULL;
	return known;
}

int clock_gettime(clockid_t clock, struct timespec *now)
{
	REAL(int, clock_gettime, clockid_t, struct timespec *);
	int failed;

	if (clock < 0 || clock >= CLOCKS || !clock_stands_still())
		return real(clock, now);
	if (repeats_left[clock]-- > 0) {
		*now = last_read[clock];
		return 0;
	}
	failed = real(clock, now);
	last_read[clock] = *now;
	repeats_left[clock] = failed ? 0 : MOST_REPEATS;
	return failed;
}

ssize_t sendmsg(int fd, const struct msghdr *message, int flags)
{
	REAL(ssize_t, sendmsg, int, const struct msghdr *, int);
	ssize_t sent = real(fd, message, flags);

	may_have_slept(); /* netlink does what it is asked before it returns */
	return sent;
}

ssize_t recvmsg(int fd, struct msghdr *message, int flags)
{
	REAL(ssize_t, recvmsg, int, struct msghdr *, int);
	ssize_t received = real(fd, message, flags);

	if (!(flags & MSG_DONTWAIT))
		may_have_slept();
	return received;
}

/* A lock that is free at once is taken without sleep. */
#define LOCK(lock, trylock, type)                                      \
	int lock(type *it)                                             \
	{                                                              \
		REAL(int, lock, type *);                               \
		int failed;                                            \
                                                                       \
		if (!trylock(it))                                      \
			return 0;                                      \
		failed = real(it);                                     \
		may_have_slept();                                      \
		return failed;                                         \
	}

LOCK(pthread_mutex_lock, pthread_mutex_trylock, pthread_mutex_t)
LOCK(pthread_rwlock_rdlock, pthread_rwlock_tryrdlock, pthread_rwlock_t)
LOCK(pthread_rwlock_wrlock, pthread_rwlock_trywrlock, pthread_rwlock_t)

int pthread_cond_wait(pthread_cond_t *condition, pthread_mutex_t *mutex)
{
	REAL(int, pthread_cond_wait, pthread_cond_t *, pthread_mutex_t *);
	int failed = real(condition, mutex);

	may_have_slept();
	return failed;
}

int nanosleep(const struct timespec *wanted, struct timespec *left)
{
	REAL(int, nanosleep, const struct timespec *, struct timespec *);
	int failed = real(wanted, left);

	may_have_slept();
	return failed;
}

int poll(struct pollfd *fds, nfds_t count, int timeout_ms)
{
	REAL(int, poll, struct pollfd *, nfds_t, int);
	char name[16] = "";
	int ready;

	if (timeout_ms > 0 && timeout_ms <= PAUSE_MS) {
		pthread_getname_np(pthread_self(), name, sizeof(name));
		if (!strncmp(name, THREAD, strlen(THREAD)))
			timeout_ms = 0;
	}
	ready = real(fds, count, timeout_ms);
	may_have_slept();
	return ready;
}

int setsockopt(int fd, int level, int option, const void *value, socklen_t length)
{
	REAL(int, setsockopt, int, int, int, const void *, socklen_t);
	int protocol = -1;
	socklen_t size = sizeof(protocol);

	if (level == SOL_NETLINK && option == NETLINK_ADD_MEMBERSHIP &&
	    !getsockopt(fd, SOL_SOCKET, SO_PROTOCOL, &protocol, &size) &&
	    protocol == NETLINK_GENERIC)
		return 0;
	return real(fd, level, option, value, length);
}
