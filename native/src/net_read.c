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

static void index_message(const struct nlmsghdr *header, size_t body, const struct nlattr **slots, unsigned count)
{
	const char *at = (const char *)NLMSG_DATA(header) + NLMSG_ALIGN(body);
	nl_index(at, (size_t)((const char *)header + header->nlmsg_len - at), slots, count);
}

static void print_link(const struct nlmsghdr *header, void *context)
{
	struct reading *reading = context;
	if (header->nlmsg_type != RTM_NEWLINK)
		return;
	const struct ifinfomsg *info = NLMSG_DATA(header);
	const struct nlattr *found[IFLA_IFALIAS + IFLA_STATS64];
	index_message(header, sizeof *info, found, sizeof found / sizeof *found);
	if (!found[IFLA_IFNAME])
		return;
	const char *name = nl_content(found[IFLA_IFNAME]);
	if (strncmp(name, reading->prefix, strlen(reading->prefix)) != 0)
		return;
	struct rtnl_link_stats64 stats = {0};
	if (found[IFLA_STATS64]) {
		const size_t size = nl_content_length(found[IFLA_STATS64]);
		memcpy(&stats, nl_content(found[IFLA_STATS64]), size < sizeof stats ? size : sizeof stats);
	}
	uint32_t master = 0;
	if (found[IFLA_MASTER])
		memcpy(&master, nl_content(found[IFLA_MASTER]), sizeof master);
	const int length = found[IFLA_IFALIAS] ? (int)strnlen(nl_content(found[IFLA_IFALIAS]), nl_content_length(found[IFLA_IFALIAS])) : 0;
	if (op_result(reading->ctx, "%s %d %d %u %llu %llu %llu %llu %llu %llu %llu %llu %.*s\n", name, info->ifi_index,
		    info->ifi_flags & IFF_UP ? 1 : 0, master, (unsigned long long)stats.rx_bytes, (unsigned long long)stats.rx_packets,
		    (unsigned long long)stats.rx_errors, (unsigned long long)stats.rx_dropped, (unsigned long long)stats.tx_bytes,
		    (unsigned long long)stats.tx_packets, (unsigned long long)stats.tx_errors, (unsigned long long)stats.tx_dropped, length,
		    length ? nl_content(found[IFLA_IFALIAS]) : "") < 0)
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
	const struct nlattr *found[RTA_TABLE + 1];
	index_message(header, sizeof *route, found, sizeof found / sizeof *found);
	unsigned char zero[16] = {0};
	char address[INET6_ADDRSTRLEN], name[IF_NAMESIZE] = "-";
	if (!inet_ntop(route->rtm_family, found[RTA_DST] ? (const void *)nl_content(found[RTA_DST]) : zero, address, sizeof address))
		return;
	uint32_t index = 0;
	if (found[RTA_OIF])
		memcpy(&index, nl_content(found[RTA_OIF]), sizeof index);
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
