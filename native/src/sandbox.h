/* Pairs of user and network namespaces, kept by descriptor in the launcher until a start takes one. */
#ifndef GANTRY_SANDBOX_H
#define GANTRY_SANDBOX_H

#include "core.h"

struct sandbox {
	char key[80];
	int user_ns;
	int net_ns;
	long long id_base;
};

/* NULL when there is none. */
struct sandbox *sandbox_find(const char *key);
/* Closes its descriptors and forgets it. */
void sandbox_forget(struct sandbox *sandbox);
/* True for operations that change the table and so run in the launcher itself. */
bool is_sandbox_op(const char *name);
int run_sandbox_op(struct op_ctx *ctx, char **op, int n);

/*
 * A user namespace with ids 0..size-1 inside being id_base..id_base+size-1 outside, and with `net_ns` not NULL a network
 * namespace owned by it. With id_base 0 no user namespace is made (*user_ns is -1). 0, or -1 after op_fail().
 */
int make_namespaces(struct op_ctx *ctx, long long id_base, long long size, int *user_ns, int *net_ns);
/* Opens a process's user namespace and reads which host id its root is. 0, or -1 after op_fail(). */
int open_user_namespace(struct op_ctx *ctx, long long pid, int *user_ns, long long *id_base);

#endif
