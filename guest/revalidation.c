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
 */
#define _GNU_SOURCE
#include <dlfcn.h>
#include <poll.h>
#include <pthread.h>
#include <string.h>
#include <sys/socket.h>
#include <linux/netlink.h>

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

int setsockopt(int fd, int level, int option, const void *value, socklen_t length)
{
	static int (*real_setsockopt)(int, int, int, const void *, socklen_t);
	int protocol = -1;
	socklen_t size = sizeof(protocol);

	if (!real_setsockopt)
		real_setsockopt = (int (*)(int, int, int, const void *, socklen_t))
			dlsym(RTLD_NEXT, "setsockopt");
	if (level == SOL_NETLINK && option == NETLINK_ADD_MEMBERSHIP &&
	    !getsockopt(fd, SOL_SOCKET, SO_PROTOCOL, &protocol, &size) &&
	    protocol == NETLINK_GENERIC)
		return 0;
	return real_setsockopt(fd, level, option, value, length);
}
