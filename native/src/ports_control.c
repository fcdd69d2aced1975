/*
 * The agent's socket: lines of text, answered in order. One agent at a time; a new one takes the place of the former.
 *
 *   greeting                                               gantry-ports 1
 *   ID listen PROTOCOL ADDRESS PORT TARGET TARGETPORT      ID ok NUMBER PORT
 *   ID aim NUMBER TARGET TARGETPORT                        ID ok
 *   ID close NUMBER                                        ID ok
 *   ID list                                                ID item NUMBER PROTOCOL ADDRESS PORT TARGET TARGETPORT (each), ID ok
 *   ID end                                                 ID ok, and the process ends
 *   what fails                                             ID failed ERRNO
 *
 * `end` and the greeting's form never change: an agent of another version ends this process and starts its own.
 */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <unistd.h>

#include "core.h"
#include "ports.h"

static const char *const protocol_names[] = {[TCP] = "tcp", [UDP] = "udp", [SCTP] = "sctp"};
enum { LINE = 256, FIELDS = 7 };

static struct source door;
static int door_fd = -1;

static struct {
	struct source source;
	int fd;
	char line[LINE];
	size_t length;
	char *out;
	size_t out_length, out_capacity;
} agent = {.fd = -1};

static bool was_connected;

bool control_connected(void)
{
	return agent.fd >= 0;
}

bool control_was_connected(void)
{
	return was_connected;
}

static void hang_up(void)
{
	if (agent.fd >= 0)
		close(agent.fd);
	free(agent.out);
	agent.fd = -1;
	agent.out = NULL;
	agent.length = agent.out_length = agent.out_capacity = 0;
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

static void say(const char *format, ...) __attribute__((format(printf, 1, 2)));
static void say(const char *format, ...)
{
	char text[LINE];
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

static struct listener *find(const char *text)
{
	long long number;
	if (parse_number(text, 1, UINT32_MAX, &number))
		for (struct listener *each = listeners; each; each = each->next)
			if (each->number == number)
				return each;
	errno = ENOENT;
	return NULL;
}

static bool parse_place(const char *address, const char *port, union address *out)
{
	long long number;
	if (parse_number(port, 0, 65535, &number) && address_parse(address, (unsigned)number, out))
		return true;
	errno = EINVAL;
	return false;
}

static int protocol_of(const char *name)
{
	for (int i = 0; i < (int)ARRAY_SIZE(protocol_names); i++)
		if (strcmp(name, protocol_names[i]) == 0)
			return i;
	errno = EINVAL;
	return -1;
}

static int run_listen(char **field)
{
	union address host, target;
	const int protocol = protocol_of(field[2]);
	if (protocol < 0 || !parse_place(field[3], field[4], &host) || !parse_place(field[5], field[6], &target))
		return -1;
	const struct listener *listener = listener_open((enum protocol)protocol, &host, &target);
	if (!listener)
		return -1;
	const in_port_t port = listener->host.any.sa_family == AF_INET ? listener->host.in.sin_port : listener->host.in6.sin6_port;
	say("%s ok %u %u\n", field[0], listener->number, ntohs(port));
	return 0;
}

static int run_aim(char **field)
{
	union address target;
	struct listener *listener = find(field[2]);
	if (!listener || !parse_place(field[3], field[4], &target))
		return -1;
	listener_aim(listener, &target);
	say("%s ok\n", field[0]);
	return 0;
}

static int run_close(char **field)
{
	struct listener *listener = find(field[2]);
	if (!listener)
		return -1;
	listener_close(listener);
	say("%s ok\n", field[0]);
	return 0;
}

static int run_list(char **field)
{
	char host[64], target[64];
	for (const struct listener *each = listeners; each; each = each->next) {
		address_format(&each->host, host);
		address_format(&each->target, target);
		say("%s item %u %s %s %s\n", field[0], each->number, protocol_names[each->protocol], host, target);
	}
	say("%s ok\n", field[0]);
	return 0;
}

static int run_end(char **field)
{
	while (listeners)
		listener_close(listeners);
	say("%s ok\n", field[0]);
	flush();
	hang_up();
	return 0;
}

static const struct {
	const char *name;
	int fields;
	int (*run)(char **field);
} verbs[] = {
	{"listen", 7, run_listen}, {"aim", 5, run_aim}, {"close", 3, run_close}, {"list", 2, run_list}, {"end", 2, run_end},
};

static void obey(char *line)
{
	char *field[FIELDS] = {NULL}, *rest = NULL;
	int n = 0;
	for (char *word = strtok_r(line, " ", &rest); word && n < FIELDS; word = strtok_r(NULL, " ", &rest))
		field[n++] = word;
	if (n < 2)
		return;
	errno = ENOSYS;
	for (size_t i = 0; i < ARRAY_SIZE(verbs); i++)
		if (strcmp(field[1], verbs[i].name) == 0 && n == verbs[i].fields && verbs[i].run(field) == 0)
			return;
	say("%s failed %s\n", field[0], errno_name(errno));
}

static void agent_ready(struct source *source, uint32_t events)
{
	(void)source;
	(void)events;
	while (agent.fd >= 0) {
		const ssize_t got = read(agent.fd, agent.line + agent.length, sizeof agent.line - 1 - agent.length);
		if (got < 0 && (errno == EAGAIN || errno == EINTR))
			break;
		if (got <= 0 || (agent.length += (size_t)got) == sizeof agent.line - 1) {
			/* The longest request has some 130 bytes; what comes whole is carried out below all the same. */
			if (got <= 0 || !memchr(agent.line, '\n', agent.length)) {
				hang_up();
				return;
			}
		}
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
	was_connected = true;
	agent.source.ready = agent_ready;
	if (watch(fd, EPOLLIN | EPOLLOUT | EPOLLET, &agent.source) < 0) {
		hang_up();
		return;
	}
	say("gantry-ports 1\n");
	flush();
}

int control_open(int listening)
{
	door_fd = listening;
	door.ready = door_ready;
	return watch(listening, EPOLLIN, &door);
}
