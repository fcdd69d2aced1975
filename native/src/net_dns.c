/*
 * dns.open? WHERE KEY GIVER ADDRESS|-: makes a pair of sockets for questions (UDP, TCP) in WHERE and sends it, named KEY, to gantry-dns,
 * which listens for such at GIVER. Does not mind when nobody does: whoever starts it again opens all anew.
 *
 * With an ADDRESS they are bound to its port 53. With `-` they are what containers ask at 127.0.0.11:53. Port 53 itself must stay free
 * for the container's own programs, also on all addresses at once, so the sockets are bound to another port, and a table in the
 * namespace changes the ports of packets on the loopback. It does so on their way in and, for answers, on their way out, where
 * connection tracking does not notice, and none is needed: containers do not pay for it with their other packets.
 *
 *   table ip gantry_dns {
 *     chain in  { type filter hook prerouting priority -300; iif != lo accept
 *                 ip daddr 127.0.0.11 udp dport 53 udp dport set PORT; and tcp }
 *     chain out { type filter hook output priority -300; oif != lo accept
 *                 ip saddr 127.0.0.11 udp sport PORT udp sport set 53; and tcp }
 *   }
 *
 * Source: include/uapi/linux/netfilter/nf_tables.h, net/netfilter/nft_payload.c.
 */
#include <arpa/inet.h>
#include <errno.h>
#include <linux/netfilter.h>
#include <linux/netfilter/nf_tables.h>
#include <linux/netfilter/nfnetlink.h>
#include <stddef.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include "net.h"

static const char table_name[] = "gantry_dns";
enum {
	DNS_PORT = 53,
	/* Above those that the kernel gives to clients, where few servers are. */
	FIRST_PORT = 61053,
	PORT_TRIES = 64,
	LOOPBACK_INDEX = 1,
	PRIORITY_RAW = -300,
	IPV4_SOURCE = 12,
	IPV4_DESTINATION = 16,
};
static const unsigned char resolver_address[4] = {127, 0, 0, 11};

struct pair {
	int udp, tcp;
};

static int bind_one(int type, const struct sockaddr *address, socklen_t size)
{
	const int on = 1;
	fd_auto int fd = socket(address->sa_family, type | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
	if (fd < 0)
		return -1;
	if (type == SOCK_STREAM)
		setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &on, sizeof on);
	if (address->sa_family == AF_INET6)
		setsockopt(fd, IPPROTO_IPV6, IPV6_V6ONLY, &on, sizeof on);
	if (bind(fd, address, size) < 0 || (type == SOCK_STREAM && listen(fd, 64) < 0))
		return -1;
	return steal_fd(&fd);
}

/* Both sockets on one port. 0, or -1 with errno. */
static int bind_pair(const struct sockaddr *address, socklen_t size, struct pair *pair)
{
	fd_auto int udp = bind_one(SOCK_DGRAM, address, size);
	fd_auto int tcp = udp < 0 ? -1 : bind_one(SOCK_STREAM, address, size);
	if (tcp < 0)
		return -1;
	pair->udp = steal_fd(&udp);
	pair->tcp = steal_fd(&tcp);
	return 0;
}

/* In the current namespace, on 127.0.0.11. Their port, or -1 with errno. */
static int bind_resolver(struct pair *pair)
{
	struct sockaddr_in address = {.sin_family = AF_INET};
	memcpy(&address.sin_addr, resolver_address, sizeof resolver_address);
	for (int i = 0; i < PORT_TRIES; i++) {
		const int port = FIRST_PORT + i;
		address.sin_port = htons((uint16_t)port);
		if (bind_pair((struct sockaddr *)&address, sizeof address, pair) == 0)
			return port;
		if (errno != EADDRINUSE)
			return -1;
	}
	return -1;
}

static int bind_gateway(struct op_ctx *ctx, const char *text, struct pair *pair)
{
	struct net_address parsed;
	if (!net_parse_address(ctx, text, &parsed))
		return -1;
	struct sockaddr_in four = {.sin_family = AF_INET, .sin_port = htons(DNS_PORT)};
	struct sockaddr_in6 six = {.sin6_family = AF_INET6, .sin6_port = htons(DNS_PORT)};
	const bool is_four = parsed.family == AF_INET;
	memcpy(is_four ? (void *)&four.sin_addr : (void *)&six.sin6_addr, parsed.bytes, net_address_size(&parsed));
	const int result = is_four ? bind_pair((struct sockaddr *)&four, sizeof four, pair)
				   : bind_pair((struct sockaddr *)&six, sizeof six, pair);
	return result < 0 ? op_fail(ctx, errno, "listen on %s port 53", text) : 0;
}

static void begin(struct nl_message *message, int type, int flags)
{
	struct nfgenmsg *body = nl_begin(message, (uint16_t)(NFNL_SUBSYS_NFTABLES << 8 | type), (uint16_t)flags, sizeof *body);
	body->nfgen_family = NFPROTO_IPV4;
}

static void put_table(struct nl_message *message, int type, int flags)
{
	begin(message, type, flags);
	nl_put_text(message, NFTA_TABLE_NAME, table_name);
}

static void put_chain(struct nl_message *message, const char *name, unsigned hook_number)
{
	begin(message, NFT_MSG_NEWCHAIN, NLM_F_CREATE);
	nl_put_text(message, NFTA_CHAIN_TABLE, table_name);
	nl_put_text(message, NFTA_CHAIN_NAME, name);
	const size_t hook = nl_nest(message, NFTA_CHAIN_HOOK);
	nl_put_u32(message, NFTA_HOOK_HOOKNUM, htonl(hook_number));
	nl_put_u32(message, NFTA_HOOK_PRIORITY, htonl((uint32_t)PRIORITY_RAW));
	nl_nest_end(message, hook);
	nl_put_text(message, NFTA_CHAIN_TYPE, "filter");
}

static size_t begin_rule(struct nl_message *message, const char *chain, int flags)
{
	begin(message, NFT_MSG_NEWRULE, NLM_F_CREATE | NLM_F_APPEND | flags);
	nl_put_text(message, NFTA_RULE_TABLE, table_name);
	nl_put_text(message, NFTA_RULE_CHAIN, chain);
	return nl_nest(message, NFTA_RULE_EXPRESSIONS);
}

struct expression {
	size_t element, data;
};

static struct expression begin_expression(struct nl_message *message, const char *name)
{
	struct expression expression = {.element = nl_nest(message, NFTA_LIST_ELEM)};
	nl_put_text(message, NFTA_EXPR_NAME, name);
	expression.data = nl_nest(message, NFTA_EXPR_DATA);
	return expression;
}

static void end_expression(struct nl_message *message, struct expression expression)
{
	nl_nest_end(message, expression.data);
	nl_nest_end(message, expression.element);
}

static void put_meta(struct nl_message *message, uint32_t key)
{
	const struct expression meta = begin_expression(message, "meta");
	nl_put_u32(message, NFTA_META_DREG, htonl(NFT_REG_1));
	nl_put_u32(message, NFTA_META_KEY, htonl(key));
	end_expression(message, meta);
}

static void put_compare(struct nl_message *message, uint32_t how, const void *value, size_t size)
{
	const struct expression compare = begin_expression(message, "cmp");
	nl_put_u32(message, NFTA_CMP_SREG, htonl(NFT_REG_1));
	nl_put_u32(message, NFTA_CMP_OP, htonl(how));
	const size_t data = nl_nest(message, NFTA_CMP_DATA);
	nl_put(message, NFTA_DATA_VALUE, value, size);
	nl_nest_end(message, data);
	end_expression(message, compare);
}

/* Loads bytes of the packet, or with a checksum's offset stores them and mends it. */
static void put_payload(struct nl_message *message, uint32_t base, uint32_t offset, uint32_t size, uint32_t checksum_offset)
{
	const struct expression payload = begin_expression(message, "payload");
	nl_put_u32(message, checksum_offset ? NFTA_PAYLOAD_SREG : NFTA_PAYLOAD_DREG, htonl(NFT_REG_1));
	nl_put_u32(message, NFTA_PAYLOAD_BASE, htonl(base));
	nl_put_u32(message, NFTA_PAYLOAD_OFFSET, htonl(offset));
	nl_put_u32(message, NFTA_PAYLOAD_LEN, htonl(size));
	if (checksum_offset) {
		nl_put_u32(message, NFTA_PAYLOAD_CSUM_TYPE, htonl(NFT_PAYLOAD_CSUM_INET));
		nl_put_u32(message, NFTA_PAYLOAD_CSUM_OFFSET, htonl(checksum_offset));
	}
	end_expression(message, payload);
}

/* Packets of other links are let go at once. */
static void put_loopback_only(struct nl_message *message, const char *chain, uint32_t key)
{
	const uint32_t loopback = LOOPBACK_INDEX;
	const size_t rule = begin_rule(message, chain, 0);
	put_meta(message, key);
	put_compare(message, NFT_CMP_NEQ, &loopback, sizeof loopback);
	const struct expression accept = begin_expression(message, "immediate");
	nl_put_u32(message, NFTA_IMMEDIATE_DREG, htonl(NFT_REG_VERDICT));
	const size_t data = nl_nest(message, NFTA_IMMEDIATE_DATA);
	const size_t verdict = nl_nest(message, NFTA_DATA_VERDICT);
	nl_put_u32(message, NFTA_VERDICT_CODE, htonl(NF_ACCEPT));
	nl_nest_end(message, verdict);
	nl_nest_end(message, data);
	end_expression(message, accept);
	nl_nest_end(message, rule);
}

struct change {
	const char *chain;
	uint32_t address_offset, port_offset;
	uint16_t from, to;
};

/* The change of a port in packets of one protocol from or to the resolver's address. */
static void put_change(struct nl_message *message, const struct change *change, unsigned char protocol, uint32_t checksum_offset, int flags)
{
	const uint16_t from = htons(change->from), to = htons(change->to);
	const size_t rule = begin_rule(message, change->chain, flags);
	put_meta(message, NFT_META_L4PROTO);
	put_compare(message, NFT_CMP_EQ, &protocol, sizeof protocol);
	put_payload(message, NFT_PAYLOAD_NETWORK_HEADER, change->address_offset, sizeof resolver_address, 0);
	put_compare(message, NFT_CMP_EQ, resolver_address, sizeof resolver_address);
	put_payload(message, NFT_PAYLOAD_TRANSPORT_HEADER, change->port_offset, sizeof from, 0);
	put_compare(message, NFT_CMP_EQ, &from, sizeof from);
	const struct expression set = begin_expression(message, "immediate");
	nl_put_u32(message, NFTA_IMMEDIATE_DREG, htonl(NFT_REG_1));
	const size_t data = nl_nest(message, NFTA_IMMEDIATE_DATA);
	nl_put(message, NFTA_DATA_VALUE, &to, sizeof to);
	nl_nest_end(message, data);
	end_expression(message, set);
	put_payload(message, NFT_PAYLOAD_TRANSPORT_HEADER, change->port_offset, sizeof to, checksum_offset);
	nl_nest_end(message, rule);
}

/* The table above, with `replace` in place of a former one: that costs the kernel ten milliseconds of waiting. */
static int send_table(int fd, int port, bool replace, struct nl_error *error)
{
	const struct change in = {"in", IPV4_DESTINATION, 2, DNS_PORT, (uint16_t)port};
	const struct change out = {"out", IPV4_SOURCE, 0, (uint16_t)port, DNS_PORT};
	enum { UDP_CHECKSUM = 6, TCP_CHECKSUM = 16 };
	struct nl_message *message = net_message();
	struct nfgenmsg *edge = nl_begin(message, NFNL_MSG_BATCH_BEGIN, 0, sizeof *edge);
	edge->res_id = htons(NFNL_SUBSYS_NFTABLES);
	if (replace)
		put_table(message, NFT_MSG_DELTABLE, 0);
	put_table(message, NFT_MSG_NEWTABLE, NLM_F_CREATE | NLM_F_EXCL);
	put_chain(message, in.chain, NF_INET_PRE_ROUTING);
	put_chain(message, out.chain, NF_INET_LOCAL_OUT);
	put_loopback_only(message, in.chain, NFT_META_IIF);
	put_change(message, &in, IPPROTO_UDP, UDP_CHECKSUM, 0);
	put_change(message, &in, IPPROTO_TCP, TCP_CHECKSUM, 0);
	put_loopback_only(message, out.chain, NFT_META_OIF);
	put_change(message, &out, IPPROTO_UDP, UDP_CHECKSUM, 0);
	put_change(message, &out, IPPROTO_TCP, TCP_CHECKSUM, NLM_F_ACK);
	edge = nl_begin(message, NFNL_MSG_BATCH_END, 0, sizeof *edge);
	edge->res_id = htons(NFNL_SUBSYS_NFTABLES);
	return nl_talk(fd, message, 1, error);
}

static int redirect(struct op_ctx *ctx, const char *where, int fd, int port)
{
	struct nl_error error;
	if (send_table(fd, port, false, &error) == 0)
		return 0;
	if (error.number != EEXIST)
		return net_refused(ctx, &error, "redirect questions in", where);
	/* The refused request left its answers for each of its messages. */
	fd_auto int again = net_socket(ctx, where, NETLINK_NETFILTER);
	if (again < 0)
		return -1;
	return send_table(again, port, true, &error) < 0 ? net_refused(ctx, &error, "redirect questions in", where) : 0;
}

static int open_resolver(struct op_ctx *ctx, const char *where, struct pair *pair)
{
	int home;
	if (net_enter(ctx, where, &home) < 0)
		return -1;
	fd_auto int fd = nl_open(NETLINK_NETFILTER);
	const int port = fd < 0 ? -1 : bind_resolver(pair);
	const int number = errno;
	net_leave(ctx, home);
	if (port < 0)
		return op_fail(ctx, number, "listen on 127.0.0.11 in %s", where);
	return redirect(ctx, where, fd, port);
}

static int give(struct op_ctx *ctx, const char *path, const char *key, const struct pair *pair)
{
	struct sockaddr_un address = {.sun_family = AF_UNIX};
	if (strlen(path) >= sizeof address.sun_path)
		return op_fail(ctx, ENAMETOOLONG, "socket %s", path);
	strcpy(address.sun_path, path);
	fd_auto int fd = socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC, 0);
	if (fd < 0)
		return op_fail(ctx, errno, "make socket");
	/* A receiver that does not read must not keep us for ever. */
	const struct timeval patience = {.tv_sec = 2};
	setsockopt(fd, SOL_SOCKET, SO_SNDTIMEO, &patience, sizeof patience);
	char control[CMSG_SPACE(sizeof *pair)] __attribute__((aligned(8))) = {0};
	struct iovec part = {.iov_base = (void *)key, .iov_len = strlen(key)};
	struct msghdr header = {.msg_name = &address,
		.msg_namelen = sizeof address,
		.msg_iov = &part,
		.msg_iovlen = 1,
		.msg_control = control,
		.msg_controllen = sizeof control};
	struct cmsghdr *rights = CMSG_FIRSTHDR(&header);
	*rights = (struct cmsghdr){.cmsg_level = SOL_SOCKET, .cmsg_type = SCM_RIGHTS, .cmsg_len = CMSG_LEN(sizeof *pair)};
	memcpy(CMSG_DATA(rights), pair, sizeof *pair);
	if (sendmsg(fd, &header, MSG_NOSIGNAL) < 0 && errno != ECONNREFUSED && errno != ENOENT)
		return op_fail(ctx, errno, "send sockets to %s", path);
	return 0;
}

int dns_open(struct op_ctx *ctx, char **args, int n)
{
	(void)n;
	struct pair pair = {-1, -1};
	int result = strcmp(args[3], "-") == 0 ? open_resolver(ctx, args[0], &pair) : bind_gateway(ctx, args[3], &pair);
	if (result == 0)
		result = give(ctx, args[2], args[1], &pair);
	close_fd(&pair.udp);
	close_fd(&pair.tcp);
	return result;
}
