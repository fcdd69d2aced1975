/*
 * Connection tracking. A datagram that came before a port was published, or while it led to a container that is gone, left an entry
 * that later datagrams of the same client follow past the firewall's maps, for as long as they keep coming. Such entries are removed
 * when a udp port is published or given back. (A new TCP connection makes a new entry by itself.)
 * Source: include/uapi/linux/netfilter/nfnetlink_conntrack.h.
 */
#include <arpa/inet.h>
#include <errno.h>
#include <linux/netfilter/nfnetlink.h>
#include <linux/netfilter/nfnetlink_conntrack.h>
#include <string.h>

#include "net.h"

enum { ENTRIES_MAX = 4096, TUPLE_MAX = 128, ATTRIBUTES = 8 };

struct entry {
	unsigned char family;
	unsigned char length;
	unsigned char tuple[TUPLE_MAX]; /* content of CTA_TUPLE_ORIG, to name the entry by */
};

struct search {
	uint16_t port; /* network order */
	unsigned found;
};

/* Address space of a short-lived child; pages are touched as far as entries are found. */
static struct entry entries[ENTRIES_MAX];

/* Whether the tuple is of udp to the port. */
static bool leads_to(const struct nlattr *tuple, uint16_t port)
{
	const struct nlattr *parts[ATTRIBUTES], *proto[ATTRIBUTES];
	nl_index(nl_content(tuple), nl_content_length(tuple), parts, ATTRIBUTES);
	if (!parts[CTA_TUPLE_PROTO])
		return false;
	nl_index(nl_content(parts[CTA_TUPLE_PROTO]), nl_content_length(parts[CTA_TUPLE_PROTO]), proto, ATTRIBUTES);
	if (!proto[CTA_PROTO_NUM] || nl_content(proto[CTA_PROTO_NUM])[0] != IPPROTO_UDP || !proto[CTA_PROTO_DST_PORT])
		return false;
	uint16_t theirs;
	memcpy(&theirs, nl_content(proto[CTA_PROTO_DST_PORT]), sizeof theirs);
	return theirs == port;
}

static void collect(const struct nlmsghdr *header, void *context)
{
	struct search *search = context;
	const struct nfgenmsg *body = NLMSG_DATA(header);
	const struct nlattr *found[ATTRIBUTES];
	if (header->nlmsg_len < NLMSG_LENGTH(sizeof *body) || search->found == ENTRIES_MAX)
		return;
	nl_index((const char *)body + NLMSG_ALIGN(sizeof *body), header->nlmsg_len - NLMSG_LENGTH(sizeof *body), found, ATTRIBUTES);
	const struct nlattr *tuple = found[CTA_TUPLE_ORIG];
	if (!tuple || nl_content_length(tuple) > TUPLE_MAX || !leads_to(tuple, search->port))
		return;
	struct entry *entry = &entries[search->found++];
	entry->family = body->nfgen_family;
	entry->length = (unsigned char)nl_content_length(tuple);
	memcpy(entry->tuple, nl_content(tuple), entry->length);
}

static int delete_entry(int fd, const struct entry *entry, struct nl_error *error)
{
	struct nl_message *message = net_message();
	struct nfgenmsg *body = nl_begin(message, (NFNL_SUBSYS_CTNETLINK << 8) | IPCTNL_MSG_CT_DELETE, NLM_F_ACK, sizeof *body);
	body->nfgen_family = entry->family;
	nl_put(message, CTA_TUPLE_ORIG | NLA_F_NESTED, entry->tuple, entry->length);
	return nl_talk(fd, message, 1, error);
}

/* net.conntrack.forget PORT: every tracked udp flow of the host that was sent to this port */
int net_conntrack_forget(struct op_ctx *ctx, char **args, int n)
{
	(void)n;
	long long port;
	if (!op_number(ctx, "port", args[0], 1, 65535, &port))
		return -1;
	fd_auto int fd = net_socket(ctx, "host", NETLINK_NETFILTER);
	if (fd < 0)
		return -1;
	struct nl_message *message = net_message();
	(void)nl_begin(message, (NFNL_SUBSYS_CTNETLINK << 8) | IPCTNL_MSG_CT_GET, NLM_F_DUMP, sizeof(struct nfgenmsg));
	struct search search = {.port = htons((uint16_t)port)};
	struct nl_error error;
	if (nl_dump(fd, message, collect, &search, &error) < 0)
		return net_refused(ctx, &error, "list tracked flows to port", args[0]);
	for (unsigned i = 0; i < search.found; i++)
		if (delete_entry(fd, &entries[i], &error) < 0 && error.number != ENOENT)
			return net_refused(ctx, &error, "forget a tracked flow to port", args[0]);
	return 0;
}
