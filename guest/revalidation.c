/*
 * Preloaded into ovs-vswitchd.
 *
 * After a revalidation of its datapath flows ovs-vswitchd does not begin the next one
 * within 5 ms. That pause belongs to the process. Here one process is all the switches
 * of a network: a failure noticed by one switch would hold up the repair at another by
 * up to 5 ms, which separate switches never do to each other. So the pause is left out:
 * it is the only wait of at most 5 ms of the threads called "revalidator...".
 */
#define _GNU_SOURCE
#include <dlfcn.h>
#include <poll.h>
#include <pthread.h>
#include <string.h>

#define PAUSE_MS 5
#define THREAD "revalidator"

int poll(struct pollfd *fds, nfds_t count, int timeout_ms)
{
	static int (*real_poll)(struct pollfd *, nfds_t, int);
	char name[16] = "";

	if (!real_poll)
		real_poll = (int (*)(struct pollfd *, nfds_t, int))dlsym(RTLD_NEXT, "poll");
	if (timeout_ms > 0 && timeout_ms <= PAUSE_MS) {
		pthread_getname_np(pthread_self(), name, sizeof(name));
		if (!strncmp(name, THREAD, strlen(THREAD)))
			timeout_ms = 0;
	}
	return real_poll(fds, count, timeout_ms);
}
