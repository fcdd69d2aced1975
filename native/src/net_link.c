/* Links: bridges, veth pairs, their settings. rtnetlink(7), include/uapi/linux/if_link.h. */
#include <errno.h>
#include <linux/if_link.h>
#include <linux/rtnetlink.h>
#include <linux/veth.h>
#include <net/if.h>
#include <stdio.h>
#include <string.h>

#include "net.h"

static bool parse_mac(struct op_ctx *ctx, const char *text, unsigned char mac[6])
{
	char rest;
	if (sscanf(text, "%2hhx:%2hhx:%2hhx:%2hhx:%2hhx:%2hhx%c", &mac[0], &mac[1], &mac[2], &mac[3], &mac[4], &mac[5], &rest) == 6)
		return true;
	(void)op_fail(ctx, EINVAL, "mac address %s", text);
	return false;
}

static bool valid_name(struct op_ctx *ctx, const char *name)
{
	if (name[0] && strlen(name) < IFNAMSIZ)
		return true;
	(void)op_fail(ctx, EINVAL, "link name '%s' must have 1 to 15 bytes", name);
	return false;
}

static int make_bridge(int fd, const char *name, const unsigned char mac[6], uint32_t mtu, struct nl_error *error)
{
	struct nl_message *message = net_message();
	(void)nl_begin(message, RTM_NEWLINK, NLM_F_ACK | NLM_F_CREATE | NLM_F_EXCL, sizeof(struct ifinfomsg));
	nl_put_text(message, IFLA_IFNAME, name);
	/* A fixed address: a bridge without one takes the lowest of its ports and changes it whenever containers come and go. */
	nl_put(message, IFLA_ADDRESS, mac, 6);
	nl_put_u32(message, IFLA_MTU, mtu);
	const size_t info = nl_nest(message, IFLA_LINKINFO);
	nl_put_text(message, IFLA_INFO_KIND, "bridge");
	const size_t data = nl_nest(message, IFLA_INFO_DATA);
	nl_put_u32(message, IFLA_BR_STP_STATE, 0);
	/* One subnet, no queriers: snooping would only cost timers. */
	nl_put_u8(message, IFLA_BR_MCAST_SNOOPING, 0);
	nl_nest_end(message, data);
	nl_nest_end(message, info);
	return nl_talk(fd, message, 1, error);
}

struct link_address {
	unsigned char mac[6];
	bool found;
};

static void read_address(const struct nlmsghdr *header, void *context)
{
	struct link_address *out = context;
	const struct nlattr *found[IFLA_ADDRESS + 1];
	if (header->nlmsg_type != RTM_NEWLINK || header->nlmsg_len < NLMSG_LENGTH(sizeof(struct ifinfomsg)))
		return;
	nl_index((const char *)NLMSG_DATA(header) + NLMSG_ALIGN(sizeof(struct ifinfomsg)), header->nlmsg_len - NLMSG_LENGTH(sizeof(struct ifinfomsg)),
		found, IFLA_ADDRESS + 1);
	if (!found[IFLA_ADDRESS] || nl_content_length(found[IFLA_ADDRESS]) != sizeof out->mac)
		return;
	memcpy(out->mac, nl_content(found[IFLA_ADDRESS]), sizeof out->mac);
	out->found = true;
}

static bool has_address(int fd, const char *name, const unsigned char mac[6])
{
	struct nl_message *message = net_message();
	struct link_address address = {.found = false};
	struct nl_error error;
	(void)nl_begin(message, RTM_GETLINK, NLM_F_ACK, sizeof(struct ifinfomsg));
	nl_put_text(message, IFLA_IFNAME, name);
	return nl_query(fd, message, read_address, &address, &error) == 0 && address.found && memcmp(address.mac, mac, 6) == 0;
}

/* A further name for a link; fine when it is that link's already. */
static int add_name(struct op_ctx *ctx, int fd, const char *name, const char *further)
{
	const unsigned index = net_index(ctx, fd, name);
	if (!index)
		return op_fail(ctx, ENODEV, "find link %s", name);
	/* Links are found by their further names as well. */
	const unsigned holder = net_index(ctx, fd, further);
	if (holder)
		return holder == index ? 0 : op_fail(ctx, EEXIST, "name link %s", further);
	struct nl_message *message = net_message();
	struct ifinfomsg *info = nl_begin(message, RTM_NEWLINKPROP, NLM_F_ACK | NLM_F_CREATE | NLM_F_EXCL | NLM_F_APPEND, sizeof *info);
	info->ifi_index = (int)index;
	const size_t list = nl_nest(message, IFLA_PROP_LIST | NLA_F_NESTED);
	nl_put_text(message, IFLA_ALT_IFNAME, further);
	nl_nest_end(message, list);
	struct nl_error error;
	if (nl_talk(fd, message, 1, &error) < 0)
		return net_refused(ctx, &error, "name link", further);
	return 0;
}

/* net.bridge NAME MAC MTU [FURTHER] */
int net_bridge(struct op_ctx *ctx, char **args, int n)
{
	unsigned char mac[6];
	long long mtu;
	const char *further = n > 3 ? args[3] : NULL;
	if (!valid_name(ctx, args[0]) || !parse_mac(ctx, args[1], mac) || !op_number(ctx, "mtu", args[2], 68, 65535, &mtu) ||
		(further && !valid_name(ctx, further)))
		return -1;
	fd_auto int fd = net_socket(ctx, "host", NETLINK_ROUTE);
	if (fd < 0)
		return -1;
	struct nl_error error;
	if (make_bridge(fd, args[0], mac, (uint32_t)mtu, &error) < 0 && (error.number != EEXIST || (further && !has_address(fd, args[0], mac))))
		return net_refused(ctx, &error, "make bridge", args[0]);
	return further ? add_name(ctx, fd, args[0], further) : 0;
}

static void put_veth_peer(struct nl_message *message, const char *peer, int peer_ns, const unsigned char mac[6], uint32_t mtu)
{
	const size_t info = nl_nest(message, IFLA_LINKINFO);
	nl_put_text(message, IFLA_INFO_KIND, "veth");
	const size_t data = nl_nest(message, IFLA_INFO_DATA);
	const size_t nest = nl_nest(message, VETH_INFO_PEER);
	/* The peer's attributes come behind a struct ifinfomsg of its own (drivers/net/veth.c, veth_newlink). */
	nl_put_raw(message, sizeof(struct ifinfomsg));
	nl_put_text(message, IFLA_IFNAME, peer);
	nl_put(message, IFLA_ADDRESS, mac, 6);
	nl_put_u32(message, IFLA_MTU, mtu);
	nl_put_u32(message, IFLA_NET_NS_FD, (uint32_t)peer_ns);
	nl_nest_end(message, nest);
	nl_nest_end(message, data);
	nl_nest_end(message, info);
}

static int make_veth(struct op_ctx *ctx, int fd, char **args, const unsigned char mac[6], uint32_t mtu)
{
	fd_auto int peer_ns = op_netns(ctx, args[0]);
	if (peer_ns < 0)
		return -1;
	unsigned master = 0;
	if (strcmp(args[3], "-") != 0 && (master = net_index(ctx, fd, args[3])) == 0)
		return op_fail(ctx, ENODEV, "find bridge %s", args[3]);
	struct nl_message *message = net_message();
	(void)nl_begin(message, RTM_NEWLINK, NLM_F_ACK | NLM_F_CREATE | NLM_F_EXCL, sizeof(struct ifinfomsg));
	nl_put_text(message, IFLA_IFNAME, args[2]);
	nl_put_u32(message, IFLA_MTU, mtu);
	if (master)
		nl_put_u32(message, IFLA_MASTER, master);
	put_veth_peer(message, args[1], peer_ns, mac, mtu);
	struct nl_error error;
	if (nl_talk(fd, message, 1, &error) < 0)
		return net_refused(ctx, &error, "make veth", args[2]);
	return 0;
}

/* net.veth WHERE PEER HOST BRIDGE MTU MAC LABEL */
int net_veth(struct op_ctx *ctx, char **args, int n)
{
	(void)n;
	unsigned char mac[6];
	long long mtu;
	if (!valid_name(ctx, args[1]) || !valid_name(ctx, args[2]))
		return -1;
	if (!op_number(ctx, "mtu", args[4], 68, 65535, &mtu) || !parse_mac(ctx, args[5], mac))
		return -1;
	fd_auto int fd = net_socket(ctx, "host", NETLINK_ROUTE);
	if (fd < 0 || make_veth(ctx, fd, args, mac, (uint32_t)mtu) < 0)
		return -1;
	if (!args[6][0])
		return 0;
	/* The label (alias) is refused at creation by kernels before 5.x: a message of its own. */
	struct nl_message *message = net_message();
	(void)nl_begin(message, RTM_SETLINK, NLM_F_ACK, sizeof(struct ifinfomsg));
	nl_put_text(message, IFLA_IFNAME, args[2]);
	nl_put(message, IFLA_IFALIAS, args[6], strlen(args[6]));
	struct nl_error error;
	if (nl_talk(fd, message, 1, &error) < 0)
		return net_refused(ctx, &error, "label link", args[2]);
	return 0;
}

static int macvlan_mode(struct op_ctx *ctx, const char *name)
{
	static const struct {
		const char *name;
		int mode;
	} modes[] = {
		{"private", MACVLAN_MODE_PRIVATE},
		{"vepa", MACVLAN_MODE_VEPA},
		{"bridge", MACVLAN_MODE_BRIDGE},
		{"passthru", MACVLAN_MODE_PASSTHRU},
		{"l2", IPVLAN_MODE_L2},
		{"l3", IPVLAN_MODE_L3},
		{"l3s", IPVLAN_MODE_L3S},
	};
	for (size_t i = 0; i < sizeof modes / sizeof *modes; i++)
		if (strcmp(modes[i].name, name) == 0)
			return modes[i].mode;
	return op_fail(ctx, EINVAL, "mode %s", name);
}

static void put_macvlan(struct nl_message *message, const char *kind, int mode)
{
	const size_t info = nl_nest(message, IFLA_LINKINFO);
	nl_put_text(message, IFLA_INFO_KIND, kind);
	const size_t data = nl_nest(message, IFLA_INFO_DATA);
	if (strcmp(kind, "macvlan") == 0) {
		nl_put_u32(message, IFLA_MACVLAN_MODE, (uint32_t)mode);
	} else {
		const uint16_t short_mode = (uint16_t)mode;
		nl_put(message, IFLA_IPVLAN_MODE, &short_mode, sizeof short_mode);
	}
	nl_nest_end(message, data);
	nl_nest_end(message, info);
}

/* net.macvlan WHERE NAME PARENT KIND MODE MAC|- MTU */
int net_macvlan(struct op_ctx *ctx, char **args, int n)
{
	(void)n;
	unsigned char mac[6];
	long long mtu;
	const bool has_mac = strcmp(args[5], "-") != 0;
	const int mode = macvlan_mode(ctx, args[4]);
	if (mode < 0 || !valid_name(ctx, args[1]) || (has_mac && !parse_mac(ctx, args[5], mac)) ||
		!op_number(ctx, "mtu", args[6], 0, 65535, &mtu))
		return -1;
	fd_auto int inside = op_netns(ctx, args[0]);
	if (inside < 0)
		return -1;
	fd_auto int fd = net_socket(ctx, "host", NETLINK_ROUTE);
	if (fd < 0)
		return -1;
	const unsigned parent = net_index(ctx, fd, args[2]);
	if (!parent)
		return op_fail(ctx, ENODEV, "find parent link %s", args[2]);
	struct nl_message *message = net_message();
	(void)nl_begin(message, RTM_NEWLINK, NLM_F_ACK | NLM_F_CREATE | NLM_F_EXCL, sizeof(struct ifinfomsg));
	nl_put_text(message, IFLA_IFNAME, args[1]);
	nl_put_u32(message, IFLA_LINK, parent);
	nl_put_u32(message, IFLA_NET_NS_FD, (uint32_t)inside);
	if (has_mac)
		nl_put(message, IFLA_ADDRESS, mac, sizeof mac);
	if (mtu)
		nl_put_u32(message, IFLA_MTU, (uint32_t)mtu);
	put_macvlan(message, args[3], mode);
	struct nl_error error;
	if (nl_talk(fd, message, 1, &error) < 0)
		return net_refused(ctx, &error, "make link on", args[2]);
	return 0;
}

/* net.dummy NAME MTU */
int net_dummy(struct op_ctx *ctx, char **args, int n)
{
	(void)n;
	long long mtu;
	if (!valid_name(ctx, args[0]) || !op_number(ctx, "mtu", args[1], 68, 65535, &mtu))
		return -1;
	fd_auto int fd = net_socket(ctx, "host", NETLINK_ROUTE);
	if (fd < 0)
		return -1;
	struct nl_message *message = net_message();
	(void)nl_begin(message, RTM_NEWLINK, NLM_F_ACK | NLM_F_CREATE | NLM_F_EXCL, sizeof(struct ifinfomsg));
	nl_put_text(message, IFLA_IFNAME, args[0]);
	nl_put_u32(message, IFLA_MTU, (uint32_t)mtu);
	const size_t info = nl_nest(message, IFLA_LINKINFO);
	nl_put_text(message, IFLA_INFO_KIND, "dummy");
	nl_nest_end(message, info);
	struct nl_error error;
	if (nl_talk(fd, message, 1, &error) < 0 && error.number != EEXIST)
		return net_refused(ctx, &error, "make dummy link", args[0]);
	return 0;
}

/* What net.set collects before it can build the message: bridge port settings need a nest of their own. */
struct link_settings {
	bool port;
	int isolated, learning, hairpin; /* -1: leave alone */
};

static int put_flag(struct op_ctx *ctx, const char *key, const char *value, int *out)
{
	long long number;
	if (!op_number(ctx, key, value, 0, 1, &number))
		return -1;
	*out = (int)number;
	return 0;
}

static int put_setting(struct op_ctx *ctx, struct nl_message *message, struct ifinfomsg *info, struct link_settings *settings,
	unsigned master, const char *key, const char *value)
{
	unsigned char mac[6];
	long long number;
	int up;
	if (strcmp(key, "up") == 0) {
		if (put_flag(ctx, key, value, &up) < 0)
			return -1;
		info->ifi_change |= IFF_UP;
		info->ifi_flags |= up ? IFF_UP : 0;
	} else if (strcmp(key, "mtu") == 0) {
		if (!op_number(ctx, key, value, 68, 65535, &number))
			return -1;
		nl_put_u32(message, IFLA_MTU, (uint32_t)number);
	} else if (strcmp(key, "master") == 0) {
		nl_put_u32(message, IFLA_MASTER, master);
	} else if (strcmp(key, "mac") == 0) {
		if (!parse_mac(ctx, value, mac))
			return -1;
		nl_put(message, IFLA_ADDRESS, mac, sizeof mac);
	} else if (strcmp(key, "name") == 0) {
		if (!valid_name(ctx, value))
			return -1;
		nl_put_text(message, IFLA_IFNAME, value);
	} else if (strcmp(key, "label") == 0) {
		nl_put(message, IFLA_IFALIAS, value, strlen(value));
	} else {
		int *flag = strcmp(key, "isolated") == 0 ? &settings->isolated
			: strcmp(key, "learning") == 0   ? &settings->learning
			: strcmp(key, "hairpin") == 0    ? &settings->hairpin
							 : NULL;
		if (!flag)
			return op_fail(ctx, EINVAL, "link setting %s", key);
		settings->port = true;
		return put_flag(ctx, key, value, flag);
	}
	return 0;
}

static void put_port(struct nl_message *message, const struct link_settings *settings)
{
	const size_t protinfo = nl_nest(message, IFLA_PROTINFO);
	if (settings->isolated >= 0)
		nl_put_u8(message, IFLA_BRPORT_ISOLATED, (uint8_t)settings->isolated);
	if (settings->learning >= 0)
		nl_put_u8(message, IFLA_BRPORT_LEARNING, (uint8_t)settings->learning);
	if (settings->hairpin >= 0)
		nl_put_u8(message, IFLA_BRPORT_MODE, (uint8_t)settings->hairpin);
	nl_nest_end(message, protinfo);
}

static int set_port(struct op_ctx *ctx, int fd, unsigned index, const char *name, const struct link_settings *settings)
{
	struct nl_message *message = net_message();
	struct ifinfomsg *info = nl_begin(message, RTM_SETLINK, NLM_F_ACK, sizeof *info);
	info->ifi_family = AF_BRIDGE;
	info->ifi_index = (int)index;
	put_port(message, settings);
	struct nl_error error;
	if (nl_talk(fd, message, 1, &error) < 0)
		return net_refused(ctx, &error, "set bridge port", name);
	return 0;
}

/* net.set WHERE NAME KEY VALUE [KEY VALUE]... */
int net_set(struct op_ctx *ctx, char **args, int n)
{
	if (n % 2 != 0)
		return op_fail(ctx, EINVAL, "setting without a value for link %s", args[1]);
	fd_auto int fd = net_socket(ctx, args[0], NETLINK_ROUTE);
	if (fd < 0)
		return -1;
	unsigned master = 0;
	for (int i = 2; i < n; i += 2)
		if (strcmp(args[i], "master") == 0 && strcmp(args[i + 1], "-") != 0 && !(master = net_index(ctx, fd, args[i + 1])))
			return op_fail(ctx, ENODEV, "find bridge %s", args[i + 1]);
	const unsigned index = net_index(ctx, fd, args[1]);
	if (!index)
		return op_fail(ctx, ENODEV, "find link %s", args[1]);
	struct link_settings settings = {.isolated = -1, .learning = -1, .hairpin = -1};
	struct nl_message *message = net_message();
	struct ifinfomsg *info = nl_begin(message, RTM_SETLINK, NLM_F_ACK, sizeof *info);
	const size_t empty = message->length;
	info->ifi_index = (int)index;
	for (int i = 2; i < n; i += 2)
		if (put_setting(ctx, message, info, &settings, master, args[i], args[i + 1]) < 0)
			return -1;
	struct nl_error error;
	if ((message->length > empty || info->ifi_change) && nl_talk(fd, message, 1, &error) < 0)
		return net_refused(ctx, &error, "set link", args[1]);
	return settings.port ? set_port(ctx, fd, index, args[1], &settings) : 0;
}

static int delete_link(struct op_ctx *ctx, char **args, bool must_exist)
{
	if (!valid_name(ctx, args[1]))
		return -1;
	fd_auto int fd = net_socket(ctx, args[0], NETLINK_ROUTE);
	if (fd < 0)
		return -1;
	struct nl_message *message = net_message();
	(void)nl_begin(message, RTM_DELLINK, NLM_F_ACK, sizeof(struct ifinfomsg));
	nl_put_text(message, IFLA_IFNAME, args[1]);
	struct nl_error error;
	if (nl_talk(fd, message, 1, &error) < 0 && (must_exist || error.number != ENODEV))
		return net_refused(ctx, &error, "remove link", args[1]);
	return 0;
}

int net_delete(struct op_ctx *ctx, char **args, int n)
{
	(void)n;
	return delete_link(ctx, args, true);
}

int net_delete_if_there(struct op_ctx *ctx, char **args, int n)
{
	(void)n;
	return delete_link(ctx, args, false);
}
