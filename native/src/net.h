/* Shared by the network operations; the list of them with their arguments is in net.c. */
#ifndef GANTRY_NET_H
#define GANTRY_NET_H

#include <netinet/in.h>

#include "net_nl.h"
#include "ops.h"

/* An address as netlink wants it. */
struct net_address {
	unsigned char family; /* AF_INET or AF_INET6 */
	unsigned char prefix; /* bits */
	unsigned char bytes[16];
};

static inline size_t net_address_size(const struct net_address *address)
{
	return address->family == AF_INET ? 4 : 16;
}

/* net.c */
int net_enter(struct op_ctx *ctx, const char *where, int *home);
int net_leave(struct op_ctx *ctx, int home);
int net_socket(struct op_ctx *ctx, const char *where, int protocol);
bool net_parse_address(struct op_ctx *ctx, const char *text, struct net_address *out);
unsigned net_index(struct op_ctx *ctx, int fd, const char *name);
int net_refused(struct op_ctx *ctx, const struct nl_error *error, const char *what, const char *name);
struct nl_message *net_message(void);

/* net_link.c */
int net_bridge(struct op_ctx *ctx, char **args, int n);
int net_veth(struct op_ctx *ctx, char **args, int n);
int net_macvlan(struct op_ctx *ctx, char **args, int n);
int net_dummy(struct op_ctx *ctx, char **args, int n);
int net_set(struct op_ctx *ctx, char **args, int n);
int net_delete(struct op_ctx *ctx, char **args, int n);
int net_delete_if_there(struct op_ctx *ctx, char **args, int n);

/* net_route.c */
int net_address_add(struct op_ctx *ctx, char **args, int n);
int net_address_delete(struct op_ctx *ctx, char **args, int n);
int net_route_add(struct op_ctx *ctx, char **args, int n);
int net_route_delete(struct op_ctx *ctx, char **args, int n);
int net_neighbour(struct op_ctx *ctx, char **args, int n);

/* net_read.c */
int net_links(struct op_ctx *ctx, char **args, int n);
int net_routes(struct op_ctx *ctx, char **args, int n);

/* net_sysctl.c */
int net_sysctl(struct op_ctx *ctx, char **args, int n);
int net_sysctl_if_there(struct op_ctx *ctx, char **args, int n);
int net_sysctl_read(struct op_ctx *ctx, char **args, int n);

/* net_conntrack.c */
int net_conntrack_forget(struct op_ctx *ctx, char **args, int n);

/* net_keeper.c */
int keeper_start(struct op_ctx *ctx, char **args, int n);

/* net_dns.c */
int dns_open(struct op_ctx *ctx, char **args, int n);

/* net_chains.c */
int nft_chains(struct op_ctx *ctx, char **args, int n);

/* net_nft.c */
int nft_elements(struct op_ctx *ctx, char **args, int n);
int nft_load(struct op_ctx *ctx, char **args, int n);

#endif
