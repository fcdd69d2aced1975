/*
 * gantry-ports: keeps published ports from other programs of the host, and serves the connections that the firewall cannot
 * translate: those of the host's own loopback addresses, and those of a client whose family the container does not have. Everything
 * else is translated in the kernel before it could reach these sockets.
 *
 * The launcher starts it (net_ports.c) with the listening control socket as descriptor 3. It ends when the agent says so, and by
 * itself when it has no listener and nobody is connected.
 */
#include "ports.h"

#include <arpa/inet.h>
#include <errno.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

enum { CONTROL = 3, EVENTS = 64, GARBAGE_STEP = 64, FIRST_CONNECTION_MS = 10000 };

struct listener *listeners;
static int epoll = -1;
static unsigned last_number;
static bool some_paused;

static void **garbage;
static size_t garbage_length, garbage_capacity;

uint64_t now_ms(void)
{
	struct timespec now;
	clock_gettime(CLOCK_MONOTONIC, &now);
	return (uint64_t)now.tv_sec * 1000 + (uint64_t)now.tv_nsec / 1000000;
}

socklen_t address_size(const union address *address)
{
	return address->any.sa_family == AF_INET ? sizeof address->in : sizeof address->in6;
}

bool address_parse(const char *text, unsigned port, union address *out)
{
	memset(out, 0, sizeof *out);
	if (inet_pton(AF_INET, text, &out->in.sin_addr) == 1) {
		out->in.sin_family = AF_INET;
		out->in.sin_port = htons((uint16_t)port);
		return true;
	}
	if (inet_pton(AF_INET6, text, &out->in6.sin6_addr) != 1)
		return false;
	out->in6.sin6_family = AF_INET6;
	out->in6.sin6_port = htons((uint16_t)port);
	return true;
}

void address_format(const union address *address, char out[64])
{
	char text[INET6_ADDRSTRLEN] = "";
	const bool four = address->any.sa_family == AF_INET;
	inet_ntop(address->any.sa_family, four ? (const void *)&address->in.sin_addr : (const void *)&address->in6.sin6_addr, text,
		sizeof text);
	snprintf(out, 64, "%s %u", text, ntohs(four ? address->in.sin_port : address->in6.sin6_port));
}

bool address_is_loopback(const union address *address)
{
	if (address->any.sa_family == AF_INET)
		return ntohl(address->in.sin_addr.s_addr) >> 24 == 127;
	const struct in6_addr *six = &address->in6.sin6_addr;
	return IN6_IS_ADDR_LOOPBACK(six) || (IN6_IS_ADDR_V4MAPPED(six) && six->s6_addr[12] == 127);
}

int watch(int fd, uint32_t events, struct source *source)
{
	struct epoll_event event = {.events = events, .data.ptr = source};
	return epoll_ctl(epoll, EPOLL_CTL_ADD, fd, &event);
}

void unwatch(int fd)
{
	(void)epoll_ctl(epoll, EPOLL_CTL_DEL, fd, NULL);
}

void discard(void *memory)
{
	if (garbage_length == garbage_capacity) {
		void **more = realloc(garbage, (garbage_capacity + GARBAGE_STEP) * sizeof *garbage);
		if (!more)
			return; /* Lost rather than freed too early. */
		garbage = more;
		garbage_capacity += GARBAGE_STEP;
	}
	garbage[garbage_length++] = memory;
}

static void free_garbage(void)
{
	while (garbage_length > 0)
		free(garbage[--garbage_length]);
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

/* Each connection takes two descriptors, and four more while data is under way. */
static void raise_limits(void)
{
	struct rlimit files = {.rlim_cur = 262144, .rlim_max = 262144};
	if (setrlimit(RLIMIT_NOFILE, &files) == 0 || getrlimit(RLIMIT_NOFILE, &files) < 0)
		return;
	files.rlim_cur = files.rlim_max;
	setrlimit(RLIMIT_NOFILE, &files);
}

static void serve(void)
{
	struct epoll_event events[EVENTS];
	const uint64_t started = now_ms();
	for (bool busy = false;;) {
		/* An agent that was killed before it could connect must not leave us behind. */
		const bool expected = control_connected() || (!control_was_connected() && now_ms() - started < FIRST_CONNECTION_MS);
		if (!listeners && !expected)
			return;
		const int until = datagram_expire();
		const int count = epoll_wait(epoll, events, EVENTS, busy ? 0 : listeners || control_connected() ? until : FIRST_CONNECTION_MS);
		for (int i = 0; i < count; i++) {
			struct source *source = events[i].data.ptr;
			source->ready(source, events[i].events);
		}
		busy = stream_turn();
		free_garbage();
	}
}

int main(void)
{
	sigset_t none;
	sigemptyset(&none);
	sigprocmask(SIG_SETMASK, &none, NULL);
	signal(SIGPIPE, SIG_IGN);
	raise_limits();
	epoll = epoll_create1(EPOLL_CLOEXEC);
	if (epoll < 0 || control_open(CONTROL) < 0 || give_up_privileges() < 0) {
		perror("gantry-ports");
		return 1;
	}
	serve();
	return 0;
}
