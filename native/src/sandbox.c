#include "sandbox.h"

#include <sched.h>
#include <signal.h>
#include <sys/syscall.h>
#include <sys/wait.h>

/* The warm pool and the starts under way; far below the descriptor limit (two each). */
#define MAX_SANDBOXES 2048
static struct sandbox sandboxes[MAX_SANDBOXES];
static int highest; /* entries from here on were never used: keeps the table's pages untouched */

struct sandbox *sandbox_find(const char *key)
{
	for (int i = 0; i < highest; i++)
		if (strcmp(sandboxes[i].key, key) == 0)
			return &sandboxes[i];
	return NULL;
}

static struct sandbox *free_slot(void)
{
	for (int i = 0; i < highest; i++)
		if (sandboxes[i].key[0] == '\0')
			return &sandboxes[i];
	return highest < MAX_SANDBOXES ? &sandboxes[highest++] : NULL;
}

void sandbox_forget(struct sandbox *sandbox)
{
	close_fd(&sandbox->user_ns);
	close_fd(&sandbox->net_ns);
	sandbox->key[0] = '\0';
}

static int write_map(struct op_ctx *ctx, pid_t pid, const char *file, long long id_base, long long size)
{
	char path[48];
	char map[64];
	snprintf(path, sizeof(path), "/proc/%d/%s", (int)pid, file);
	int n = snprintf(map, sizeof(map), "0 %lld %lld\n", id_base, size);
	if (write_file_at(AT_FDCWD, path, map, (size_t)n) < 0)
		return op_fail(ctx, errno, "%s 0 %lld %lld", file, id_base, size);
	return 0;
}

static int open_namespace(struct op_ctx *ctx, pid_t pid, const char *type)
{
	char path[48];
	snprintf(path, sizeof(path), "/proc/%d/ns/%s", (int)pid, type);
	int fd = open(path, O_RDONLY | O_CLOEXEC);
	if (fd < 0)
		return op_fail(ctx, errno, "open %s", path);
	return fd;
}

/* The holder lives only until its namespaces are held by descriptor. It shares nothing and never runs anything. */
int make_namespaces(struct op_ctx *ctx, long long id_base, long long size, int *user_ns, int *net_ns)
{
	const bool with_user = id_base > 0;
	pid_t holder = (pid_t)syscall(SYS_clone, (with_user ? CLONE_NEWUSER : 0) | (net_ns ? CLONE_NEWNET : 0) | SIGCHLD, 0, 0, 0, 0);
	if (holder < 0)
		return op_fail(ctx, errno, "make user%s namespace", net_ns ? " and network" : "");
	if (holder == 0)
		for (;;)
			pause();
	int user = -1;
	int net = -1;
	if (with_user && write_map(ctx, holder, "uid_map", id_base, size) == 0 && write_map(ctx, holder, "gid_map", id_base, size) == 0)
		user = open_namespace(ctx, holder, "user");
	if (net_ns && !ctx->failed)
		net = open_namespace(ctx, holder, "net");
	kill(holder, SIGKILL);
	waitpid(holder, NULL, 0);
	if (ctx->failed) {
		close_fd(&user);
		close_fd(&net);
		return -1;
	}
	*user_ns = user;
	if (net_ns)
		*net_ns = net;
	return 0;
}

int open_user_namespace(struct op_ctx *ctx, long long pid, int *user_ns, long long *id_base)
{
	char path[64];
	char map[64];
	snprintf(path, sizeof(path), "/proc/%lld/uid_map", pid);
	if (read_file_at(AT_FDCWD, path, map, sizeof(map)) < 0 || sscanf(map, " 0 %lld", id_base) != 1)
		return op_fail(ctx, errno, "read %s", path);
	return (*user_ns = open_namespace(ctx, (pid_t)pid, "user")) < 0 ? -1 : 0;
}

/* As the holder below: enters the user namespace, makes a network namespace that belongs to it, says so, and waits for its end. */
static _Noreturn void hold_network(int user_ns, int ready)
{
	int err = setns(user_ns, CLONE_NEWUSER) < 0 || unshare(CLONE_NEWNET) < 0 ? errno : 0;
	if (write(ready, &err, sizeof(err)) != sizeof(err))
		_exit(1);
	for (;;)
		pause();
}

/* A network namespace of its own for a user namespace that exists, so that its root has rights over both. */
static int make_network_for(struct op_ctx *ctx, int user_ns, int *net_ns)
{
	int pipe_ends[2];
	if (pipe2(pipe_ends, O_CLOEXEC) < 0)
		return op_fail(ctx, errno, "make a pipe");
	pid_t holder = (pid_t)syscall(SYS_clone, SIGCHLD, 0, 0, 0, 0);
	if (holder == 0)
		hold_network(user_ns, pipe_ends[1]);
	int err = errno;
	close(pipe_ends[1]);
	if (holder > 0 && read(pipe_ends[0], &err, sizeof(err)) != sizeof(err))
		err = ECHILD;
	close(pipe_ends[0]);
	if (holder < 0 || err != 0)
		op_fail(ctx, err, "make a network namespace in another's user namespace");
	else
		*net_ns = open_namespace(ctx, holder, "net");
	if (holder > 0) {
		kill(holder, SIGKILL);
		waitpid(holder, NULL, 0);
	}
	return ctx->failed ? -1 : 0;
}

/*
 * sandbox.new KEY IDBASE|host|pid:PID: with `host` it is a network namespace only, owned by the host's user namespace; with a
 * process it is that one's user namespace and a new network namespace for it.
 */
static int op_sandbox_new(struct op_ctx *ctx, char **args, int n)
{
	(void)n;
	long long id_base = 0;
	long long pid = 0;
	if (strlen(args[0]) == 0 || strlen(args[0]) >= sizeof(sandboxes[0].key))
		return op_fail(ctx, EINVAL, "sandbox key %s must have 1 to %zu bytes", args[0], sizeof(sandboxes[0].key) - 1);
	if (sandbox_find(args[0]))
		return op_fail(ctx, EEXIST, "sandbox %s", args[0]);
	bool joins = strncmp(args[1], "pid:", 4) == 0 && parse_number(args[1] + 4, 1, 4194304, &pid);
	if (!joins && strcmp(args[1], "host") != 0 && !op_number(ctx, "id base", args[1], 1, 4294901760LL, &id_base))
		return -1;
	struct sandbox made = {.user_ns = -1, .net_ns = -1, .id_base = id_base};
	if (joins ? open_user_namespace(ctx, pid, &made.user_ns, &made.id_base) < 0 || make_network_for(ctx, made.user_ns, &made.net_ns) < 0
		  : make_namespaces(ctx, id_base, 65536, &made.user_ns, &made.net_ns) < 0) {
		sandbox_forget(&made);
		return -1;
	}
	struct sandbox *slot = free_slot();
	if (!slot) {
		sandbox_forget(&made);
		return op_fail(ctx, ENOSPC, "more than %d sandboxes", MAX_SANDBOXES);
	}
	*slot = made;
	snprintf(slot->key, sizeof(slot->key), "%s", args[0]);
	return 0;
}

/* sandbox.drop KEY; an unknown key is no failure, as the launcher may have been restarted since. */
static int op_sandbox_drop(struct op_ctx *ctx, char **args, int n)
{
	(void)ctx;
	(void)n;
	struct sandbox *sandbox = sandbox_find(args[0]);
	if (sandbox && args[0][0] != '\0')
		sandbox_forget(sandbox);
	return 0;
}

static const struct op sandbox_ops[] = {
	{"sandbox.new", 2, op_sandbox_new},
	{"sandbox.drop", 1, op_sandbox_drop},
};

bool is_sandbox_op(const char *name)
{
	return strncmp(name, "sandbox.", 8) == 0;
}

int run_sandbox_op(struct op_ctx *ctx, char **op, int n)
{
	for (size_t i = 0; i < ARRAY_SIZE(sandbox_ops); i++) {
		if (strcmp(sandbox_ops[i].name, op[0]) != 0)
			continue;
		if (n - 1 < sandbox_ops[i].min_args)
			return op_fail(ctx, EINVAL, "%s needs %d arguments, has %d", op[0], sandbox_ops[i].min_args, n - 1);
		return sandbox_ops[i].run(ctx, op + 1, n - 1);
	}
	return op_fail(ctx, ENOSYS, "unknown operation %s", op[0]);
}

static int namespace_of(struct op_ctx *ctx, const char *where, bool user)
{
	const char *type = user ? "user" : "net";
	char path[64];
	if (strncmp(where, "sandbox:", 8) == 0) {
		struct sandbox *sandbox = sandbox_find(where + 8);
		if (!sandbox || where[8] == '\0')
			return op_fail(ctx, ENOENT, "sandbox %s", where + 8);
		int fd = fcntl(user ? sandbox->user_ns : sandbox->net_ns, F_DUPFD_CLOEXEC, 3);
		return fd < 0 ? op_fail(ctx, errno, "%s namespace of %s", type, where) : fd;
	}
	long long pid = 0;
	if (strcmp(where, "host") == 0)
		snprintf(path, sizeof(path), "/proc/self/ns/%s", type);
	else if (strncmp(where, "pid:", 4) == 0 && parse_number(where + 4, 1, 4194304, &pid))
		snprintf(path, sizeof(path), "/proc/%lld/ns/%s", pid, type);
	else
		return op_fail(ctx, EINVAL, "%s is not host, sandbox:KEY or pid:PID", where);
	int fd = open(path, O_RDONLY | O_CLOEXEC);
	return fd < 0 ? op_fail(ctx, errno, "%s namespace of %s", type, where) : fd;
}

int op_netns(struct op_ctx *ctx, const char *where)
{
	return namespace_of(ctx, where, false);
}

int op_userns(struct op_ctx *ctx, const char *where)
{
	return namespace_of(ctx, where, true);
}
