/*
 * gantry-runtime: starts one process for an OCI runtime command line and leaves it to the caller; there is no agent, no launcher and
 * no monitor. The plan is the launcher's (plan.c) with more operations. Three processes take part, as in start.h:
 *
 *   gantry-runtime            intermediate                  init
 *   prepare
 *   fork ------------------>  enter
 *                             clone3(CLONE_PARENT|NEW…) ->  apply: mounts …
 *   hooks of the host  <------------------------------------- `hooks.host` asks, and waits for the answer
 *   answer `ready`     <------------------------------------- `created`: from now on it may be left alone
 *   exit, or wait for the end (foreground)                   `wait`: until somebody starts the container
 *                                                             exec
 *
 * On exit init falls to the nearest subreaper, which is what conmon and containerd-shim count on.
 */
#ifndef GANTRY_RUNTIME_H
#define GANTRY_RUNTIME_H

#include "start.h"

#define MAX_HOOKS 64

struct runtime {
	/* Socket pair between gantry-runtime and init: one byte each way. */
	int sync[2];
	/* Descriptors from 3 on that the process gets. */
	int preserve;
	bool foreground;
	bool released; /* init: `created` is behind it, nobody reads the shared page any more */
	int result;    /* init: where a failure after `wait` is told; -1 */

	/* Console. */
	int console_socket;
	bool mounts_console;

	/* Host hooks, in order. */
	struct planned *hooks[MAX_HOOKS];
	int hooks_used;

	/* Time namespace. */
	const char *time_offsets;
	/* seccomp listener. */
	int listener_socket;
};

/* One program, one start. */
extern struct runtime runtime;

extern const struct start_op runtime_namespace_ops[]; /* runtime_namespaces.c */
extern const struct start_op runtime_mount_ops[];     /* runtime_mounts.c */
extern const struct start_op runtime_process_ops[];   /* runtime_process.c */

/* runtime_namespaces.c: a user namespace with these maps (lines of `INSIDE OUTSIDE COUNT`), by descriptor; -1 after op_fail(). */
int map_user_namespace(struct op_ctx *ctx, const char *uid_map, const char *gid_map);

/* runtime_hook.c: hook KIND TIMEOUT_MS STATE_BEFORE STATE_AFTER PATH ARGC ARG… ENV…; the pid goes between the two halves of the state */
int hook_prepare(struct start *start, struct planned *planned);
int hook_apply(struct start *start, struct planned *planned);
int hooks_host_apply(struct start *start, struct planned *planned);
int run_host_hooks(struct start *start);

/* runtime_console.c */
int terminal_prepare(struct start *start, struct planned *planned);
int terminal_apply(struct start *start, struct planned *planned);
int stdio_enter(struct start *start, struct planned *planned);
/* Copies between our own terminal and `master` until the process has ended; its wait status. */
int proxy_terminal(int master, pid_t pid);
/* Passes signals on until the process has ended; its wait status. */
int wait_and_forward(pid_t pid);

/* runtime_filter.c */
int filter_prepare(struct start *start, struct planned *planned);
int filter_apply(struct start *start, struct planned *planned);

/* runtime_copy.c: what is in folder `from` into folder `to`, with owners, modes, times and links */
int copy_tree(struct op_ctx *ctx, int from, int to);

#endif
