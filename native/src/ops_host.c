/*
 * Host operations: small things done by host root in the host's namespaces. native/README.md lists them.
 * A name that ends in `?` does not mind that its object is absent (or, for mkdir?, that it exists).
 */
#include <dirent.h>
#include <signal.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <sys/statfs.h>
#include <sys/syscall.h>

#include "core.h"

static bool is_optional(const struct op_ctx *ctx)
{
	size_t length = strlen(ctx->op);
	return length > 0 && ctx->op[length - 1] == '?';
}

/* mkdir PATH MODE(octal); mkdir? also takes an existing folder */
static int op_mkdir(struct op_ctx *ctx, char **args, int n)
{
	(void)n;
	mode_t mode = (mode_t)strtoul(args[1], NULL, 8);
	if (mkdir(args[0], mode) < 0 && !(errno == EEXIST && is_optional(ctx)))
		return op_fail(ctx, errno, "mkdir %s", args[0]);
	return 0;
}

/* write PATH VALUE: one write(2) to an existing file */
static int op_write(struct op_ctx *ctx, char **args, int n)
{
	(void)n;
	if (write_file_at(AT_FDCWD, args[0], args[1], strlen(args[1])) < 0 && !(errno == ENOENT && is_optional(ctx)))
		return op_fail(ctx, errno, "write \"%.64s\" to %s", args[1], args[0]);
	return 0;
}

/* create PATH MODE VALUE: a file with this content, made or replaced in place */
static int op_create(struct op_ctx *ctx, char **args, int n)
{
	(void)n;
	fd_auto int fd = open(args[0], O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC | O_NOFOLLOW, (mode_t)strtoul(args[1], NULL, 8));
	if (fd < 0 || write_all(fd, args[2], strlen(args[2])) < 0)
		return op_fail(ctx, errno, "create %s", args[0]);
	return 0;
}

/* read PATH: its content is the result; read? gives '' for an absent one. Reads up to 256 KiB. */
static int op_read(struct op_ctx *ctx, char **args, int n)
{
	static char content[256 * 1024];
	for (int i = 0; i < n; i++) {
		ssize_t length = read_file_at(AT_FDCWD, args[i], content, sizeof(content));
		/* A cgroup that goes away between open and read gives ENODEV. */
		if (length < 0 && !((errno == ENOENT || errno == ENODEV) && is_optional(ctx)))
			return op_fail(ctx, errno, "read %s", args[i]);
		if (length > 0 && op_result_bytes(ctx, content, (size_t)length) < 0)
			return -1;
	}
	return 0;
}

/* list PATH: names in a folder, one a line */
static int op_list(struct op_ctx *ctx, char **args, int n)
{
	(void)n;
	DIR *dir = opendir(args[0]);
	if (!dir)
		return errno == ENOENT && is_optional(ctx) ? 0 : op_fail(ctx, errno, "list %s", args[0]);
	int failed = 0;
	for (struct dirent *entry; !failed && (entry = readdir(dir));)
		if (strcmp(entry->d_name, ".") != 0 && strcmp(entry->d_name, "..") != 0)
			failed = op_result(ctx, "%s\n", entry->d_name);
	closedir(dir);
	return failed;
}

static int op_rmdir(struct op_ctx *ctx, char **args, int n)
{
	(void)n;
	if (rmdir(args[0]) < 0 && !(errno == ENOENT && is_optional(ctx)))
		return op_fail(ctx, errno, "rmdir %s", args[0]);
	return 0;
}

static int op_unlink(struct op_ctx *ctx, char **args, int n)
{
	(void)n;
	if (unlink(args[0]) < 0 && !(errno == ENOENT && is_optional(ctx)))
		return op_fail(ctx, errno, "unlink %s", args[0]);
	return 0;
}

/* chown PATH UID GID; a link itself, not what it names */
static int op_chown(struct op_ctx *ctx, char **args, int n)
{
	(void)n;
	long long uid, gid;
	if (!op_number(ctx, "uid", args[1], -1, 4294967294LL, &uid) || !op_number(ctx, "gid", args[2], -1, 4294967294LL, &gid))
		return -1;
	if (lchown(args[0], (uid_t)uid, (gid_t)gid) < 0)
		return op_fail(ctx, errno, "chown %s to %lld:%lld", args[0], uid, gid);
	return 0;
}

static int op_chmod(struct op_ctx *ctx, char **args, int n)
{
	(void)n;
	if (chmod(args[0], (mode_t)strtoul(args[1], NULL, 8)) < 0)
		return op_fail(ctx, errno, "chmod %s to %s", args[0], args[1]);
	return 0;
}

static int op_rename(struct op_ctx *ctx, char **args, int n)
{
	(void)n;
	if (rename(args[0], args[1]) < 0)
		return op_fail(ctx, errno, "rename %s to %s", args[0], args[1]);
	return 0;
}

/* signal PID STARTTICKS SIGNAL: only to the process that started then; ESRCH when it has ended. STARTTICKS 0 is not checked. */
static int op_signal(struct op_ctx *ctx, char **args, int n)
{
	(void)n;
	long long pid, ticks, sig;
	if (!op_number(ctx, "pid", args[0], 2, 4194304, &pid) || !op_number(ctx, "start time", args[1], 0, INT64_MAX, &ticks) ||
	    !op_number(ctx, "signal", args[2], 0, 64, &sig))
		return -1;
	/* The descriptor names one process for ever; the start time, read after it is held, says that it is ours. */
	fd_auto int pidfd = (int)syscall(SYS_pidfd_open, (pid_t)pid, 0);
	if (pidfd < 0 || (ticks != 0 && start_ticks((pid_t)pid) != (unsigned long long)ticks))
		return is_optional(ctx) ? 0 : op_fail(ctx, ESRCH, "process %lld has ended", pid);
	if (syscall(SYS_pidfd_send_signal, pidfd, (int)sig, NULL, 0) < 0 && !(errno == ESRCH && is_optional(ctx)))
		return op_fail(ctx, errno, "signal %lld to process %lld", sig, pid);
	return 0;
}

/* killgroup DIR SIGNAL: the signal to every process listed in DIR/cgroup.procs; the result is how many there were. */
static int op_killgroup(struct op_ctx *ctx, char **args, int n)
{
	(void)n;
	static char pids[256 * 1024];
	char path[4096];
	long long sig;
	if (!op_number(ctx, "signal", args[1], 1, 64, &sig))
		return -1;
	snprintf(path, sizeof(path), "%s/cgroup.procs", args[0]);
	if (read_file_at(AT_FDCWD, path, pids, sizeof(pids)) < 0)
		return (errno == ENOENT || errno == ENODEV) && is_optional(ctx) ? op_result(ctx, "0") : op_fail(ctx, errno, "read %s", path);
	int count = 0;
	char *rest = pids;
	for (char *line; (line = strsep(&rest, "\n"));) {
		/* 0 stands for a process of another pid namespace, which has no number here */
		pid_t pid = (pid_t)strtol(line, NULL, 10);
		if (pid < 2)
			continue;
		count++;
		if (kill(pid, (int)sig) < 0 && errno != ESRCH)
			return op_fail(ctx, errno, "signal %lld to process %d of %s", sig, (int)pid, args[0]);
	}
	return op_result(ctx, "%d", count);
}

const struct op host_ops[] = {
	{"mkdir", 2, op_mkdir},       {"mkdir?", 2, op_mkdir},     {"write", 2, op_write},         {"write?", 2, op_write},
	{"create", 3, op_create},     {"read", 1, op_read},        {"read?", 1, op_read},          {"list", 1, op_list},
	{"list?", 1, op_list},        {"rmdir", 1, op_rmdir},      {"rmdir?", 1, op_rmdir},        {"unlink", 1, op_unlink},
	{"unlink?", 1, op_unlink},    {"chown", 3, op_chown},      {"chmod", 2, op_chmod},         {"rename", 2, op_rename},
	{"signal", 3, op_signal},     {"signal?", 3, op_signal},   {"killgroup", 2, op_killgroup}, {"killgroup?", 2, op_killgroup},
	{"bpf.device", 2, op_bpf_device}, {"probe", 1, op_probe},      {"cover", 4, op_cover},  {"rmtree", 1, op_rmtree},
	{"mount", 5, op_mount},       {"umount", 1, op_umount},    {"umount?", 1, op_umount},      {"quota.set", 2, op_quota_set},
	{"quota.clear?", 1, op_quota_clear},
	{NULL, 0, NULL},
};

static const struct op *find_op(const char *name)
{
	for (const struct op *op = host_ops; op->name; op++)
		if (strcmp(op->name, name) == 0)
			return op;
	for (const struct op *op = net_ops; op->name; op++)
		if (strcmp(op->name, name) == 0)
			return op;
	return NULL;
}

int run_host_op(struct op_ctx *ctx, char **op, int n)
{
	ctx->op = op[0];
	const struct op *found = find_op(op[0]);
	if (!found)
		return op_fail(ctx, ENOSYS, "unknown operation %s", op[0]);
	if (n - 1 < found->min_args)
		return op_fail(ctx, EINVAL, "%s needs %d arguments, has %d", op[0], found->min_args, n - 1);
	if (found->run(ctx, op + 1, n - 1) == 0)
		return 0;
	/* An operation that fails without words still has a name. */
	return op_fail(ctx, errno, "%s", op[0]);
}
