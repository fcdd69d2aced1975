/* Other firewalls of the host: base chains with their hook and policy. include/uapi/linux/netfilter/nf_tables.h. */
#include <arpa/inet.h>
#include <linux/netfilter.h>
#include <linux/netfilter/nf_tables.h>
#include <linux/netfilter/nfnetlink.h>
#include <string.h>

#include "net.h"

struct listing {
	struct op_ctx *ctx;
	int failed;
};

static uint32_t number(const struct nlattr *attribute)
{
	uint32_t value;
	memcpy(&value, nl_content(attribute), sizeof value);
	return ntohl(value);
}

static const char *hook_name(uint32_t hook)
{
	static const char *const names[] = {"prerouting", "input", "forward", "output", "postrouting"};
	return hook < sizeof names / sizeof *names ? names[hook] : "other";
}

static void print_chain(const struct nlmsghdr *header, void *context)
{
	struct listing *listing = context;
	const struct nfgenmsg *body = NLMSG_DATA(header);
	if (header->nlmsg_type != ((NFNL_SUBSYS_NFTABLES << 8) | NFT_MSG_NEWCHAIN) || header->nlmsg_len < NLMSG_LENGTH(sizeof *body))
		return;
	const struct nlattr *chain[NFTA_CHAIN_POLICY + 1], *hook[NFTA_HOOK_HOOKNUM + 1];
	nl_index((const char *)body + NLMSG_ALIGN(sizeof *body), header->nlmsg_len - NLMSG_LENGTH(sizeof *body), chain, NFTA_CHAIN_POLICY + 1);
	if (!chain[NFTA_CHAIN_TABLE] || !chain[NFTA_CHAIN_NAME] || !chain[NFTA_CHAIN_HOOK] || !chain[NFTA_CHAIN_POLICY])
		return;
	nl_index(nl_content(chain[NFTA_CHAIN_HOOK]), nl_content_length(chain[NFTA_CHAIN_HOOK]), hook, NFTA_HOOK_HOOKNUM + 1);
	if (!hook[NFTA_HOOK_HOOKNUM])
		return;
	const char *family = body->nfgen_family == NFPROTO_IPV4 ? "ip"
		: body->nfgen_family == NFPROTO_IPV6            ? "ip6"
		: body->nfgen_family == NFPROTO_INET            ? "inet"
								: "other";
	if (op_result(listing->ctx, "%s %s %s %s %s\n", family, nl_content(chain[NFTA_CHAIN_TABLE]), nl_content(chain[NFTA_CHAIN_NAME]),
		    hook_name(number(hook[NFTA_HOOK_HOOKNUM])), number(chain[NFTA_CHAIN_POLICY]) == NF_DROP ? "drop" : "accept") < 0)
		listing->failed = -1;
}

/* nft.chains */
int nft_chains(struct op_ctx *ctx, char **args, int n)
{
	(void)args;
	(void)n;
	fd_auto int fd = net_socket(ctx, "host", NETLINK_NETFILTER);
	if (fd < 0)
		return -1;
	struct nl_message *message = net_message();
	(void)nl_begin(message, (NFNL_SUBSYS_NFTABLES << 8) | NFT_MSG_GETCHAIN, NLM_F_DUMP, sizeof(struct nfgenmsg));
	struct listing listing = {.ctx = ctx};
	struct nl_error error;
	if (nl_dump(fd, message, print_chain, &listing, &error) < 0)
		return net_refused(ctx, &error, "list chains of", "the host");
	return listing.failed;
}
