/* Addresses, routes and neighbours. rtnetlink(7). */
#include <errno.h>
#include <linux/if_addr.h>
#include <linux/neighbour.h>
#include <linux/rtnetlink.h>
#include <stdio.h>
#include <string.h>

#include "net.h"

static int change_address(struct op_ctx *ctx, char **args, bool add)
{
	struct net_address address;
	if (!net_parse_address(ctx, args[2], &address))
		return -1;
	fd_auto int fd = net_socket(ctx, args[0], NETLINK_ROUTE);
	if (fd < 0)
		return -1;
	const unsigned index = net_index(ctx, fd, args[1]);
	if (!index)
		return op_fail(ctx, ENODEV, "find link %s", args[1]);
	struct nl_message *message = net_message();
	struct ifaddrmsg *body =
		nl_begin(message, add ? RTM_NEWADDR : RTM_DELADDR, NLM_F_ACK | (add ? NLM_F_CREATE | NLM_F_REPLACE : 0), sizeof *body);
	body->ifa_family = address.family;
	body->ifa_prefixlen = address.prefix;
	body->ifa_index = index;
	const size_t size = net_address_size(&address);
	nl_put(message, IFA_LOCAL, address.bytes, size);
	nl_put(message, IFA_ADDRESS, address.bytes, size);
	if (add && address.family == AF_INET6)
		/* We hand out each address once: detection would only make it unusable for a second. */
		nl_put_u32(message, IFA_FLAGS, IFA_F_NODAD);
	if (add && address.family == AF_INET && address.prefix < 31) {
		unsigned char broadcast[4];
		for (int i = 0; i < 4; i++) {
			const int bits = address.prefix - 8 * i;
			const unsigned mask = bits >= 8 ? 0 : bits <= 0 ? 255 : 255u >> bits;
			broadcast[i] = (unsigned char)(address.bytes[i] | mask);
		}
		nl_put(message, IFA_BROADCAST, broadcast, sizeof broadcast);
	}
	struct nl_error error;
	if (nl_talk(fd, message, 1, &error) < 0)
		return net_refused(ctx, &error, add ? "add address" : "remove address", args[2]);
	return 0;
}

/* net.address WHERE NAME ADDRESS/PREFIX */
int net_address_add(struct op_ctx *ctx, char **args, int n)
{
	(void)n;
	return change_address(ctx, args, true);
}

int net_address_delete(struct op_ctx *ctx, char **args, int n)
{
	(void)n;
	return change_address(ctx, args, false);
}

static int put_route(struct op_ctx *ctx, int fd, struct nl_message *message, char **args, int n, const struct net_address *to)
{
	struct net_address gateway;
	const bool has_gateway = strcmp(args[2], "-") != 0;
	if (has_gateway && !net_parse_address(ctx, args[2], &gateway))
		return -1;
	unsigned index = 0;
	if (strcmp(args[3], "-") != 0 && !(index = net_index(ctx, fd, args[3])))
		return op_fail(ctx, ENODEV, "find link %s", args[3]);
	long long metric = 0;
	if (n > 4 && !op_number(ctx, "metric", args[4], 0, UINT32_MAX, &metric))
		return -1;
	/* net_index used the shared buffer: the message starts here. */
	nl_reset(message);
	struct rtmsg *body = nl_begin(message, RTM_NEWROUTE, NLM_F_ACK | NLM_F_CREATE | NLM_F_REPLACE, sizeof *body);
	body->rtm_family = to->family;
	body->rtm_dst_len = to->prefix;
	body->rtm_table = RT_TABLE_MAIN;
	body->rtm_protocol = RTPROT_BOOT;
	body->rtm_scope = has_gateway ? RT_SCOPE_UNIVERSE : RT_SCOPE_LINK;
	body->rtm_type = RTN_UNICAST;
	if (to->prefix > 0)
		nl_put(message, RTA_DST, to->bytes, net_address_size(to));
	if (has_gateway)
		nl_put(message, RTA_GATEWAY, gateway.bytes, net_address_size(&gateway));
	if (index)
		nl_put_u32(message, RTA_OIF, index);
	if (metric)
		nl_put_u32(message, RTA_PRIORITY, (uint32_t)metric);
	return 0;
}

static int change_route(struct op_ctx *ctx, char **args, int n, bool add)
{
	struct net_address to;
	if (!net_parse_address(ctx, args[1], &to))
		return -1;
	fd_auto int fd = net_socket(ctx, args[0], NETLINK_ROUTE);
	if (fd < 0)
		return -1;
	struct nl_message *message = net_message();
	if (put_route(ctx, fd, message, args, n, &to) < 0)
		return -1;
	if (!add) {
		struct nlmsghdr *header = (struct nlmsghdr *)(void *)message->bytes;
		header->nlmsg_type = RTM_DELROUTE;
		header->nlmsg_flags = NLM_F_REQUEST | NLM_F_ACK;
	}
	struct nl_error error;
	if (nl_talk(fd, message, 1, &error) < 0)
		return net_refused(ctx, &error, add ? "add route" : "remove route", args[1]);
	return 0;
}

/* net.route WHERE DESTINATION/PREFIX GATEWAY|- NAME|- [METRIC] */
int net_route_add(struct op_ctx *ctx, char **args, int n)
{
	return change_route(ctx, args, n, true);
}

int net_route_delete(struct op_ctx *ctx, char **args, int n)
{
	return change_route(ctx, args, n, false);
}

/* net.neighbour WHERE NAME ADDRESS MAC */
int net_neighbour(struct op_ctx *ctx, char **args, int n)
{
	(void)n;
	struct net_address address;
	unsigned char mac[6];
	if (!net_parse_address(ctx, args[2], &address))
		return -1;
	if (sscanf(args[3], "%2hhx:%2hhx:%2hhx:%2hhx:%2hhx:%2hhx", &mac[0], &mac[1], &mac[2], &mac[3], &mac[4], &mac[5]) != 6)
		return op_fail(ctx, EINVAL, "mac address %s", args[3]);
	fd_auto int fd = net_socket(ctx, args[0], NETLINK_ROUTE);
	if (fd < 0)
		return -1;
	const unsigned index = net_index(ctx, fd, args[1]);
	if (!index)
		return op_fail(ctx, ENODEV, "find link %s", args[1]);
	struct nl_message *message = net_message();
	struct ndmsg *body = nl_begin(message, RTM_NEWNEIGH, NLM_F_ACK | NLM_F_CREATE | NLM_F_REPLACE, sizeof *body);
	body->ndm_family = address.family;
	body->ndm_ifindex = (int)index;
	body->ndm_state = NUD_PERMANENT;
	nl_put(message, NDA_DST, address.bytes, net_address_size(&address));
	nl_put(message, NDA_LLADDR, mac, sizeof mac);
	struct nl_error error;
	if (nl_talk(fd, message, 1, &error) < 0)
		return net_refused(ctx, &error, "add neighbour", args[2]);
	return 0;
}
