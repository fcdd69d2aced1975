/*
 * What the agent says on its socket (keeper.h):
 *
 *   ID listen PROTOCOL ADDRESS PORT TARGET TARGETPORT      ID ok NUMBER PORT
 *   ID aim NUMBER TARGET TARGETPORT                        ID ok
 *   ID close NUMBER                                        ID ok
 *   ID list                                                ID item NUMBER PROTOCOL ADDRESS PORT TARGET TARGETPORT (each), ID ok
 *   ID end                                                 ID ok, and the process ends
 */
#include <errno.h>
#include <string.h>

#include "core.h"
#include "ports.h"

static const char *const protocol_names[] = {[TCP] = "tcp", [UDP] = "udp", [SCTP] = "sctp"};

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
	keeper_hang_up();
	return 0;
}

static const struct verb verbs[] = {
	{"listen", 7, run_listen}, {"aim", 5, run_aim}, {"close", 3, run_close}, {"list", 2, run_list}, {"end", 2, run_end},
};

int control_open(int listening)
{
	return keeper_open(listening, "gantry-ports 1", verbs, ARRAY_SIZE(verbs));
}
