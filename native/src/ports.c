/*
 * gantry-ports: keeps published ports from other programs of the host, and serves the connections that the firewall cannot
 * translate: those of the host's own loopback addresses, and those of a client whose family the container does not have. Everything
 * else is translated in the kernel before it could reach these sockets.
 *
 * The launcher starts it (net_ports.c) with the listening control socket as descriptor 3. It ends when the agent says so, and by
 * itself when it has no listener and nobody is connected.
 */
#include "ports.h"

#include <errno.h>
#include <linux/capability.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <unistd.h>

enum { CONTROL = 3 };

struct listener *listeners;
static unsigned last_number;
static bool some_paused;

bool address_is_loopback(const union address *address)
{
	if (address->any.sa_family == AF_INET)
		return ntohl(address->in.sin_addr.s_addr) >> 24 == 127;
	const struct in6_addr *six = &address->in6.sin6_addr;
	return IN6_IS_ADDR_LOOPBACK(six) || (IN6_IS_ADDR_V4MAPPED(six) && six->s6_addr[12] == 127);
}

/* Level-triggered and left alone, a listener without descriptors would keep the loop busy. */
void pause_listener(struct listener *listener)
{
	if (listener->paused)
		return;
	unwatch(listener->fd);
	listener->paused = some_paused = true;
}

void resume_listeners(void)
{
	if (!some_paused)
		return;
	some_paused = false;
	for (struct listener *each = listeners; each; each = each->next)
		if (each->paused) {
			each->paused = watch(each->fd, EPOLLIN, &each->source) < 0;
			some_paused = some_paused || each->paused;
		}
}

static int open_socket(const struct listener *listener)
{
	const int type = listener->protocol == UDP ? SOCK_DGRAM : SOCK_STREAM;
	const int number = listener->protocol == SCTP ? IPPROTO_SCTP : 0;
	const int fd = socket(listener->host.any.sa_family, type | SOCK_CLOEXEC | SOCK_NONBLOCK, number);
	if (fd < 0)
		return -1;
	const int on = 1, off = 0;
	/* Connections of an earlier life that are being buried must not keep the port. */
	if (listener->protocol != UDP)
		setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &on, sizeof on);
	/* `::` stands for both families, whatever the host's net.ipv6.bindv6only says. */
	if (listener->host.any.sa_family == AF_INET6)
		setsockopt(fd, IPPROTO_IPV6, IPV6_V6ONLY, &off, sizeof off);
	if (bind(fd, &listener->host.any, address_size(&listener->host)) == 0 && (type == SOCK_DGRAM || listen(fd, 511) == 0))
		return fd;
	const int number_of_error = errno;
	close(fd);
	errno = number_of_error;
	return -1;
}

static void forget(struct listener *listener)
{
	const int number = errno;
	if (listener->fd >= 0)
		close(listener->fd);
	free(listener->table);
	discard(listener);
	errno = number;
}

struct listener *listener_open(enum protocol protocol, const union address *host, const union address *target)
{
	struct listener *listener = calloc(1, sizeof *listener);
	if (!listener)
		return NULL;
	*listener = (struct listener){.fd = -1, .number = ++last_number, .protocol = protocol, .host = *host, .target = *target};
	listener->source.ready = protocol == UDP ? datagram_ready : stream_accept;
	socklen_t length = sizeof listener->host;
	if ((listener->fd = open_socket(listener)) < 0 || getsockname(listener->fd, &listener->host.any, &length) < 0 ||
		(protocol == UDP && datagram_open(listener) < 0) || watch(listener->fd, EPOLLIN, &listener->source) < 0) {
		forget(listener);
		return NULL;
	}
	listener->next = listeners;
	listeners = listener;
	return listener;
}

static void end_traffic(struct listener *listener)
{
	if (listener->protocol == UDP)
		datagram_close_all(listener);
	else
		stream_close_all(listener);
}

/* What went to the former target has lost its way. */
void listener_aim(struct listener *listener, const union address *target)
{
	if (memcmp(&listener->target, target, sizeof *target) == 0)
		return;
	end_traffic(listener);
	listener->target = *target;
}

void listener_close(struct listener *listener)
{
	for (struct listener **link = &listeners; *link; link = &(*link)->next)
		if (*link == listener) {
			*link = listener->next;
			break;
		}
	end_traffic(listener);
	forget(listener);
}

static const unsigned short calls[] = {
	SYS_epoll_wait, SYS_epoll_ctl, SYS_accept4, SYS_socket, SYS_connect, SYS_bind, SYS_listen, SYS_setsockopt, SYS_getsockopt,
	SYS_getsockname, SYS_splice, SYS_pipe2, SYS_read, SYS_write, SYS_sendto, SYS_recvfrom, SYS_sendmsg, SYS_recvmsg, SYS_shutdown,
	SYS_close, SYS_fcntl, SYS_brk, SYS_mmap, SYS_munmap, SYS_mremap, SYS_madvise, SYS_clock_gettime, SYS_rt_sigreturn, SYS_exit_group,
	SYS_restart_syscall, SYS_futex,
};

static void serve(void)
{
	for (bool busy = false; listeners || keeper_has_agent(); busy = stream_turn()) {
		const int until = datagram_expire();
		keeper_turn(busy ? 0 : listeners ? until : FIRST_CONNECTION_MS);
	}
}

int main(void)
{
	if (control_open(CONTROL) < 0 || give_up_privileges(1u << CAP_NET_BIND_SERVICE, calls, sizeof calls / sizeof *calls) < 0) {
		perror("gantry-ports");
		return 1;
	}
	serve();
	return 0;
}
