/* What the kernel has: links with their counters, routes. */
#include <arpa/inet.h>
#include <linux/if_link.h>
#include <linux/rtnetlink.h>
#include <net/if.h>
#include <string.h>

#include "net.h"

struct reading {
	struct op_ctx *ctx;
	const char *prefix;
	int failed;
};

/* Finds the attributes of a message by type; `count` slots. */
static void index_attributes(const struct nlmsghdr *header, size_t body, const struct rtattr **slots, unsigned count)
{
	memset(slots, 0, count * sizeof *slots);
	int left = (int)header->nlmsg_len - (int)NLMSG_LENGTH(body);
	const struct rtattr *attribute = (const struct rtattr *)(const void *)((const char *)NLMSG_DATA(header) + NLMSG_ALIGN(body));
	for (; RTA_OK(attribute, left); attribute = RTA_NEXT(attribute, left)) {
		const unsigned type = attribute->rta_type & NLA_TYPE_MASK;
		if (type < count)
			slots[type] = attribute;
	}
}

static void print_link(const struct nlmsghdr *header, void *context)
{
	struct reading *reading = context;
	if (header->nlmsg_type != RTM_NEWLINK)
		return;
	const struct ifinfomsg *info = NLMSG_DATA(header);
	const struct rtattr *found[IFLA_IFALIAS + IFLA_STATS64];
	index_attributes(header, sizeof *info, found, sizeof found / sizeof *found);
	if (!found[IFLA_IFNAME])
		return;
	const char *name = RTA_DATA(found[IFLA_IFNAME]);
	if (strncmp(name, reading->prefix, strlen(reading->prefix)) != 0)
		return;
	struct rtnl_link_stats64 stats = {0};
	if (found[IFLA_STATS64]) {
		const size_t size = RTA_PAYLOAD(found[IFLA_STATS64]);
		memcpy(&stats, RTA_DATA(found[IFLA_STATS64]), size < sizeof stats ? size : sizeof stats);
	}
	uint32_t master = 0;
	if (found[IFLA_MASTER])
		memcpy(&master, RTA_DATA(found[IFLA_MASTER]), sizeof master);
	const int length = found[IFLA_IFALIAS] ? (int)strnlen(RTA_DATA(found[IFLA_IFALIAS]), RTA_PAYLOAD(found[IFLA_IFALIAS])) : 0;
	if (op_result(reading->ctx, "%s %d %d %u %llu %llu %llu %llu %llu %llu %llu %llu %.*s\n", name, info->ifi_index,
		    info->ifi_flags & IFF_UP ? 1 : 0, master, (unsigned long long)stats.rx_bytes, (unsigned long long)stats.rx_packets,
		    (unsigned long long)stats.rx_errors, (unsigned long long)stats.rx_dropped, (unsigned long long)stats.tx_bytes,
		    (unsigned long long)stats.tx_packets, (unsigned long long)stats.tx_errors, (unsigned long long)stats.tx_dropped, length,
		    length ? (const char *)RTA_DATA(found[IFLA_IFALIAS]) : "") < 0)
		reading->failed = -1;
}

/* net.links WHERE PREFIX */
int net_links(struct op_ctx *ctx, char **args, int n)
{
	(void)n;
	fd_auto int fd = net_socket(ctx, args[0], NETLINK_ROUTE);
	if (fd < 0)
		return -1;
	struct nl_message *message = net_message();
	(void)nl_begin(message, RTM_GETLINK, NLM_F_DUMP, sizeof(struct ifinfomsg));
	struct reading reading = {.ctx = ctx, .prefix = args[1]};
	struct nl_error error;
	if (nl_dump(fd, message, print_link, &reading, &error) < 0)
		return net_refused(ctx, &error, "list links of", args[0]);
	return reading.failed;
}

static void print_route(const struct nlmsghdr *header, void *context)
{
	struct reading *reading = context;
	if (header->nlmsg_type != RTM_NEWROUTE)
		return;
	const struct rtmsg *route = NLMSG_DATA(header);
	if (route->rtm_family != AF_INET && route->rtm_family != AF_INET6)
		return;
	const struct rtattr *found[RTA_TABLE + 1];
	index_attributes(header, sizeof *route, found, sizeof found / sizeof *found);
	unsigned char zero[16] = {0};
	char address[INET6_ADDRSTRLEN], name[IF_NAMESIZE] = "-";
	if (!inet_ntop(route->rtm_family, found[RTA_DST] ? RTA_DATA(found[RTA_DST]) : zero, address, sizeof address))
		return;
	uint32_t index = 0;
	if (found[RTA_OIF])
		memcpy(&index, RTA_DATA(found[RTA_OIF]), sizeof index);
	/* Only right for the host's own links; other namespaces get the index's name here or `-`. */
	if (!index || !if_indextoname(index, name))
		strcpy(name, "-");
	if (op_result(reading->ctx, "%s/%u %s\n", address, route->rtm_dst_len, name) < 0)
		reading->failed = -1;
}

/* net.routes WHERE */
int net_routes(struct op_ctx *ctx, char **args, int n)
{
	(void)n;
	fd_auto int fd = net_socket(ctx, args[0], NETLINK_ROUTE);
	if (fd < 0)
		return -1;
	struct nl_message *message = net_message();
	struct rtmsg *body = nl_begin(message, RTM_GETROUTE, NLM_F_DUMP, sizeof *body);
	body->rtm_family = AF_UNSPEC;
	struct reading reading = {.ctx = ctx};
	struct nl_error error;
	if (nl_dump(fd, message, print_route, &reading, &error) < 0)
		return net_refused(ctx, &error, "list routes of", args[0]);
	return reading.failed;
}
