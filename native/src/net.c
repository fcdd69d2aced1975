/*
 * Network operations. WHERE is the network namespace: `host`, `sandbox:KEY` or `pid:PID`.
 *
 *   net.bridge NAME MAC MTU [FURTHER]       make a bridge on the host, down; fine when it is there already. With a further name it has
 *                                           to have that MAC, as NAME may be anybody's
 *   net.veth WHERE PEER HOST BRIDGE MTU MAC LABEL
 *                                           make a pair: HOST on the host as a port of BRIDGE (`-`: none), down, labelled;
 *                                           PEER with MAC inside WHERE, down
 *   net.macvlan WHERE NAME PARENT KIND MODE MAC|- MTU
 *                                           make a link of KIND macvlan (bridge, private, vepa, passthru) or ipvlan (l2, l3, l3s)
 *                                           on the host's PARENT, inside WHERE, down; MTU 0: the parent's
 *   net.dummy NAME MTU                      make a link on the host that leads nowhere, down; fine when it is there already
 *   net.set WHERE NAME KEY VALUE [KEY VALUE]...
 *                                           keys: up 0|1, mtu BYTES, master NAME|-, mac MAC, name NAME, label TEXT,
 *                                           isolated 0|1, learning 0|1, hairpin 0|1 (the last three: bridge ports)
 *   net.delete WHERE NAME                   remove a link; `net.delete?` does not mind when it is gone
 *   net.address WHERE NAME ADDRESS/PREFIX   add an address, IPv6 without duplicate address detection
 *   net.address.delete WHERE NAME ADDRESS/PREFIX
 *   net.route WHERE DESTINATION/PREFIX GATEWAY|- NAME|- [METRIC]
 *   net.route.delete WHERE DESTINATION/PREFIX GATEWAY|- NAME|-
 *   net.neighbour WHERE NAME ADDRESS MAC    permanent neighbour entry
 *   net.sysctl WHERE PATH VALUE             PATH below /proc/sys; `net.sysctl?` does not mind a missing file
 *   net.sysctl.read WHERE PATH              result: the value
 *   net.links WHERE PREFIX                  result: one line a link whose name starts with PREFIX:
 *                                           name index up(0|1) master rxBytes rxPackets rxErrors rxDropped tx(same four) label
 *   net.routes WHERE                        result: one line a route of any table: DESTINATION/PREFIX NAME|-
 *   net.conntrack.forget PORT               forget tracked udp flows of the host that were sent to this port
 *   keeper.start PROGRAM SOCKET [GIVER]     start a program that outlives the agent; see net_keeper.c
 *   dns.open? WHERE KEY GIVER ADDRESS|-     make sockets for questions of containers and send them to gantry-dns; see net_dns.c
 *   nft.elements VERB FAMILY TABLE SET KEY DATA [...]
 *                                           one transaction; see net_nft.c
 *   nft.load PROGRAM TEXT                   a whole ruleset in nft's language, one transaction, by PROGRAM (gantry-nft)
 *   nft.chains                              result: one line a base chain of the host: FAMILY TABLE CHAIN HOOK POLICY
 */
#include "net.h"

#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <linux/rtnetlink.h>
#include <net/if.h>
#include <sched.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

const struct op net_ops[] = {
	{"net.bridge", 3, net_bridge},
	{"net.veth", 7, net_veth},
	{"net.macvlan", 7, net_macvlan},
	{"net.dummy", 2, net_dummy},
	{"net.set", 4, net_set},
	{"net.delete", 2, net_delete},
	{"net.delete?", 2, net_delete_if_there},
	{"net.address", 3, net_address_add},
	{"net.address.delete", 3, net_address_delete},
	{"net.route", 4, net_route_add},
	{"net.route.delete", 4, net_route_delete},
	{"net.neighbour", 4, net_neighbour},
	{"net.sysctl", 3, net_sysctl},
	{"net.sysctl?", 3, net_sysctl_if_there},
	{"net.sysctl.read", 2, net_sysctl_read},
	{"net.links", 2, net_links},
	{"net.routes", 1, net_routes},
	{"net.conntrack.forget", 1, net_conntrack_forget},
	{"keeper.start", 2, keeper_start},
	{"dns.open?", 4, dns_open},
	{"nft.elements", 6, nft_elements},
	{"nft.load", 2, nft_load},
	{"nft.chains", 0, nft_chains},
	{NULL, 0, NULL},
};

/* The one buffer of this (single-threaded) process: 64 KiB that an idle launcher never touches. */
struct nl_message *net_message(void)
{
	static struct nl_message message;
	nl_reset(&message);
	return &message;
}

/*
 * Moves this process into the namespace; *home is a descriptor of its own one, or -1 when WHERE is `host` and nothing was done.
 * The user namespace stays the host's: what is done inside is done by host root.
 */
int net_enter(struct op_ctx *ctx, const char *where, int *home)
{
	*home = -1;
	if (strcmp(where, "host") == 0)
		return 0;
	fd_auto int target = op_netns(ctx, where);
	if (target < 0)
		return -1;
	fd_auto int own = open("/proc/self/ns/net", O_RDONLY | O_CLOEXEC);
	if (own < 0)
		return op_fail(ctx, errno, "open own network namespace");
	if (setns(target, CLONE_NEWNET) < 0)
		return op_fail(ctx, errno, "enter network namespace %s", where);
	*home = steal_fd(&own);
	return 0;
}

/* Back from net_enter. A process that cannot go back must not go on. */
int net_leave(struct op_ctx *ctx, int home)
{
	if (home < 0)
		return 0;
	const int result = setns(home, CLONE_NEWNET);
	const int number = errno;
	close(home);
	if (result < 0) {
		(void)op_fail(ctx, number, "return to the host's network namespace");
		_exit(1);
	}
	return 0;
}

/* A netlink socket that speaks for namespace WHERE, or -1 after op_fail(). */
int net_socket(struct op_ctx *ctx, const char *where, int protocol)
{
	int home;
	if (net_enter(ctx, where, &home) < 0)
		return -1;
	const int fd = nl_open(protocol);
	const int number = errno;
	net_leave(ctx, home);
	if (fd < 0)
		return op_fail(ctx, number, "open netlink socket in %s", where);
	return fd;
}

/* ADDRESS or ADDRESS/PREFIX; without a prefix it is a single address. */
bool net_parse_address(struct op_ctx *ctx, const char *text, struct net_address *out)
{
	char address[INET6_ADDRSTRLEN];
	const char *slash = strchr(text, '/');
	const size_t length = slash ? (size_t)(slash - text) : strlen(text);
	if (length >= sizeof address) {
		(void)op_fail(ctx, EINVAL, "address %s", text);
		return false;
	}
	memcpy(address, text, length);
	address[length] = 0;
	memset(out, 0, sizeof *out);
	out->family = strchr(address, ':') ? AF_INET6 : AF_INET;
	if (inet_pton(out->family, address, out->bytes) != 1) {
		(void)op_fail(ctx, EINVAL, "address %s", text);
		return false;
	}
	long long prefix = out->family == AF_INET ? 32 : 128;
	if (slash && !op_number(ctx, "prefix length", slash + 1, 0, prefix, &prefix))
		return false;
	out->prefix = (unsigned char)prefix;
	return true;
}

static void read_index(const struct nlmsghdr *header, void *context)
{
	if (header->nlmsg_type == RTM_NEWLINK)
		*(unsigned *)context = (unsigned)((const struct ifinfomsg *)NLMSG_DATA(header))->ifi_index;
}

/*
 * Index of the link with this name in the namespace that the socket speaks for; 0 with errno ENODEV when there is none.
 * By netlink and not if_nametoindex(), which would ask our own namespace.
 */
unsigned net_index(struct op_ctx *ctx, int fd, const char *name)
{
	if (strlen(name) >= IFNAMSIZ) {
		(void)op_fail(ctx, EINVAL, "link name %s is longer than 15 bytes", name);
		return 0;
	}
	struct nl_message *message = net_message();
	struct nl_error error;
	unsigned index = 0;
	(void)nl_begin(message, RTM_GETLINK, NLM_F_ACK, sizeof(struct ifinfomsg));
	nl_put_text(message, IFLA_IFNAME, name);
	if (nl_query(fd, message, read_index, &index, &error) < 0)
		return 0;
	return index;
}

/* op_fail() with the kernel's own words when there are any. */
int net_refused(struct op_ctx *ctx, const struct nl_error *error, const char *what, const char *name)
{
	if (error->text[0])
		return op_fail(ctx, error->number, "%s %s (%s)", what, name, error->text);
	return op_fail(ctx, error->number, "%s %s", what, name);
}
