/*
 * Operations: what the engine asks the launcher for, as arrays of strings. An operation is one thing done to the kernel,
 * with no choices of its own; the first that fails ends the list and names itself, the errno and the thing.
 *
 * Tables: host_ops[] (ops_host.c) and net_ops[] (net*.c) are looked up by name for `kernel.ops` and for the `host` section
 * of a start. They run in a short-lived child of the launcher (kernel.ops) or in the monitor (start), single-threaded, as
 * host root in the host's namespaces. An operation that changes its process (setns) must put it back or do it in a fork.
 * The exceptions sandbox.new and sandbox.drop (sandbox.c) run in the launcher, which keeps the pairs of namespaces.
 */
#ifndef GANTRY_OPS_H
#define GANTRY_OPS_H

#include <stdbool.h>
#include <stddef.h>
#include <sys/types.h>

struct op_ctx;

struct op {
	const char *name;
	/* Arguments after the name; fewer fails with EINVAL before `run` is called. */
	int min_args;
	/* 0, or -1 after op_fail() (or one of the calls below that failed and therefore reported). */
	int (*run)(struct op_ctx *ctx, char **args, int n);
};

/* Both end with an entry whose name is NULL. */
extern const struct op host_ops[];
extern const struct op net_ops[];

/* In ops_bpf.c, ops_cover.c, ops_probe.c, ops_quota.c and ops_rmtree.c, rows of host_ops[]. */
int op_bpf_device(struct op_ctx *ctx, char **args, int n);
int op_cover(struct op_ctx *ctx, char **args, int n);
int op_probe(struct op_ctx *ctx, char **args, int n);
int op_rmtree(struct op_ctx *ctx, char **args, int n);
int op_mount(struct op_ctx *ctx, char **args, int n);
int op_umount(struct op_ctx *ctx, char **args, int n);
int op_quota_set(struct op_ctx *ctx, char **args, int n);
int op_quota_clear(struct op_ctx *ctx, char **args, int n);
/* Whether the file system of this folder holds to limits of projects. */
bool quota_is_enforced(int fd);

/* Records why the running operation failed; `err` is an errno value or 0. Always -1, so: return op_fail(ctx, errno, "…").
 * Text: lower case, no full stop, names the thing, without strerror() (which is added). Only the first failure counts. */
int op_fail(struct op_ctx *ctx, int err, const char *format, ...) __attribute__((format(printf, 3, 4)));

/* The string that kernel.ops() gives back for this operation (default ''). May be called repeatedly to append. Up to 1 MiB in all. */
int op_result(struct op_ctx *ctx, const char *format, ...) __attribute__((format(printf, 2, 3)));
int op_result_bytes(struct op_ctx *ctx, const char *bytes, size_t length);

/*
 * Network (user) namespace named by `where`: `host`, `sandbox:KEY` or `pid:PID`. A new O_CLOEXEC descriptor that the caller
 * closes, or -1 after op_fail().
 */
int op_netns(struct op_ctx *ctx, const char *where);
int op_userns(struct op_ctx *ctx, const char *where);

/* Whole-string decimal number within [min, max]; false after op_fail() naming `what`. */
bool op_number(struct op_ctx *ctx, const char *what, const char *text, long long min, long long max, long long *out);

/* Descriptor closed at the end of its scope: `fd_auto int fd = open(…)`; hand over with steal_fd(&fd). */
void close_fd(int *fd);
int steal_fd(int *fd);
#define fd_auto __attribute__((cleanup(close_fd)))

#endif
