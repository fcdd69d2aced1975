#include "keeper.h"

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

#include "core.h"

enum { EVENTS = 64, GARBAGE_STEP = 64, ANSWER = 512, LONGEST_LINE = 1 << 20, FIELDS = 8 };

static int epoll = -1;
static uint64_t started;

static void **garbage;
static size_t garbage_length, garbage_capacity;

static struct source door;
static int door_fd = -1;
static const char *greeting;
static const struct verb *verbs;
static size_t verb_count;

static struct {
	struct source source;
	int fd;
	bool was_connected;
	char *line;
	size_t length, capacity;
	char *out;
	size_t out_length, out_capacity;
} agent = {.fd = -1};

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

int watch(int fd, uint32_t events, struct source *source)
{
	struct epoll_event event = {.events = events, .data.ptr = source};
	return epoll_ctl(epoll, EPOLL_CTL_ADD, fd, &event);
}

int watch_again(int fd, uint32_t events, struct source *source)
{
	struct epoll_event event = {.events = events, .data.ptr = source};
	return epoll_ctl(epoll, EPOLL_CTL_MOD, fd, &event);
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

static void hang_up(void)
{
	if (agent.fd >= 0)
		close(agent.fd);
	free(agent.out);
	free(agent.line);
	agent.fd = -1;
	agent.out = agent.line = NULL;
	agent.length = agent.capacity = agent.out_length = agent.out_capacity = 0;
}

static void flush(void)
{
	size_t done = 0;
	while (done < agent.out_length) {
		const ssize_t wrote = write(agent.fd, agent.out + done, agent.out_length - done);
		if (wrote < 0 && errno == EINTR)
			continue;
		if (wrote < 0 && errno != EAGAIN) {
			hang_up();
			return;
		}
		if (wrote < 0)
			break;
		done += (size_t)wrote;
	}
	agent.out_length -= done;
	memmove(agent.out, agent.out + done, agent.out_length);
}

void keeper_hang_up(void)
{
	flush();
	hang_up();
}

void say(const char *format, ...)
{
	char text[ANSWER];
	va_list args;
	va_start(args, format);
	const int length = vsnprintf(text, sizeof text, format, args);
	va_end(args);
	if (length < 0 || (size_t)length >= sizeof text || agent.fd < 0)
		return;
	if (agent.out_length + (size_t)length > agent.out_capacity) {
		char *more = realloc(agent.out, agent.out_length + (size_t)length + 4096);
		if (!more) {
			hang_up();
			return;
		}
		agent.out = more;
		agent.out_capacity = agent.out_length + (size_t)length + 4096;
	}
	memcpy(agent.out + agent.out_length, text, (size_t)length);
	agent.out_length += (size_t)length;
}

static void obey(char *line)
{
	char *field[FIELDS] = {NULL}, *rest = NULL;
	int n = 0;
	for (char *word = strtok_r(line, " ", &rest); word && n < FIELDS; word = strtok_r(NULL, " ", &rest))
		field[n++] = word;
	if (n < 2)
		return;
	errno = ENOSYS;
	for (size_t i = 0; i < verb_count; i++)
		if (strcmp(field[1], verbs[i].name) == 0 && n == verbs[i].fields && verbs[i].run(field) == 0)
			return;
	say("%s failed %s\n", field[0], errno_name(errno));
}

/* Room for more of a line; what comes whole is carried out, so that only one long line needs much. */
static bool make_room(void)
{
	if (agent.capacity - agent.length > 1)
		return true;
	const size_t capacity = agent.capacity ? agent.capacity * 2 : 1024;
	char *more = capacity > LONGEST_LINE ? NULL : realloc(agent.line, capacity);
	if (!more)
		return false;
	agent.line = more;
	agent.capacity = capacity;
	return true;
}

static void agent_ready(struct source *source, uint32_t events)
{
	(void)source;
	(void)events;
	while (agent.fd >= 0) {
		const ssize_t got = make_room() ? read(agent.fd, agent.line + agent.length, agent.capacity - 1 - agent.length) : 0;
		if (got < 0 && (errno == EAGAIN || errno == EINTR))
			break;
		if (got <= 0) {
			hang_up();
			return;
		}
		agent.length += (size_t)got;
		char *start = agent.line, *end;
		const char *const limit = agent.line + agent.length;
		for (; agent.fd >= 0 && (end = memchr(start, '\n', (size_t)(limit - start))); start = end + 1) {
			*end = 0;
			obey(start);
		}
		if (agent.fd < 0)
			return;
		agent.length = (size_t)(limit - start);
		memmove(agent.line, start, agent.length);
	}
	if (agent.fd >= 0)
		flush();
}

static void door_ready(struct source *source, uint32_t events)
{
	(void)source;
	(void)events;
	const int fd = accept4(door_fd, NULL, NULL, SOCK_CLOEXEC | SOCK_NONBLOCK);
	if (fd < 0)
		return;
	hang_up();
	agent.fd = fd;
	agent.was_connected = true;
	agent.source.ready = agent_ready;
	if (watch(fd, EPOLLIN | EPOLLOUT | EPOLLET, &agent.source) < 0) {
		hang_up();
		return;
	}
	say("%s\n", greeting);
	flush();
}

bool keeper_has_agent(void)
{
	return agent.fd >= 0 || (!agent.was_connected && now_ms() - started < FIRST_CONNECTION_MS);
}

/* Connections, flows and questions take a descriptor each, or several. */
static void raise_limits(void)
{
	struct rlimit files = {.rlim_cur = 262144, .rlim_max = 262144};
	if (setrlimit(RLIMIT_NOFILE, &files) == 0 || getrlimit(RLIMIT_NOFILE, &files) < 0)
		return;
	files.rlim_cur = files.rlim_max;
	setrlimit(RLIMIT_NOFILE, &files);
}

int keeper_open(int door_descriptor, const char *hello, const struct verb *known, size_t count)
{
	sigset_t none;
	sigemptyset(&none);
	sigprocmask(SIG_SETMASK, &none, NULL);
	signal(SIGPIPE, SIG_IGN);
	raise_limits();
	started = now_ms();
	greeting = hello;
	verbs = known;
	verb_count = count;
	door_fd = door_descriptor;
	door.ready = door_ready;
	epoll = epoll_create1(EPOLL_CLOEXEC);
	return epoll < 0 ? -1 : watch(door_fd, EPOLLIN, &door);
}

void keeper_turn(int timeout_ms)
{
	struct epoll_event events[EVENTS];
	const int count = epoll_wait(epoll, events, EVENTS, timeout_ms);
	for (int i = 0; i < count; i++) {
		struct source *source = events[i].data.ptr;
		source->ready(source, events[i].events);
	}
	while (garbage_length > 0)
		free(garbage[--garbage_length]);
}
