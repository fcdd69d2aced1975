/* Namespaces that an OCI configuration names beyond those of namespaces.c: by path, with several id ranges, of time. */
#include <sched.h>
#include <signal.h>
#include <sys/syscall.h>
#include <sys/wait.h>

#include "runtime.h"

static int write_map(struct op_ctx *ctx, pid_t pid, const char *file, const char *map)
{
	char path[48];
	snprintf(path, sizeof(path), "/proc/%d/%s", (int)pid, file);
	return write_file_at(AT_FDCWD, path, map, strlen(map)) < 0 ? op_fail(ctx, errno, "write %s", file) : 0;
}

int map_user_namespace(struct op_ctx *ctx, const char *uid_map, const char *gid_map)
{
	char path[48];
	pid_t holder = (pid_t)syscall(SYS_clone, CLONE_NEWUSER | SIGCHLD, 0, 0, 0, 0);
	if (holder < 0)
		return op_fail(ctx, errno, "make a user namespace");
	if (holder == 0)
		for (;;)
			pause();
	int fd = -1;
	snprintf(path, sizeof(path), "/proc/%d/ns/user", (int)holder);
	if (write_map(ctx, holder, "uid_map", uid_map) == 0 && write_map(ctx, holder, "gid_map", gid_map) == 0) {
		fd = open(path, O_RDONLY | O_CLOEXEC);
		if (fd < 0)
			op_fail(ctx, errno, "open %s", path);
	}
	kill(holder, SIGKILL);
	waitpid(holder, NULL, 0);
	return fd;
}

/* userns.map UID_MAP GID_MAP */
static int userns_map(struct start *start, struct planned *planned)
{
	start->user_ns = map_user_namespace(&start->ctx, planned->args[0], planned->args[1]);
	return start->user_ns < 0 ? -1 : 0;
}

static int open_path(struct start *start, const char *path)
{
	int fd = open(path, O_RDONLY | O_CLOEXEC);
	return fd < 0 ? op_fail(&start->ctx, errno, "open namespace %s", path) : fd;
}

/* userns.path PATH */
static int userns_path(struct start *start, struct planned *planned)
{
	return (start->user_ns = open_path(start, planned->args[0])) < 0 ? -1 : 0;
}

/* ns.path PATH: entered by the intermediate, so the process is born in it */
static int ns_path_prepare(struct start *start, struct planned *planned)
{
	return (planned->fd = open_path(start, planned->args[0])) < 0 ? -1 : 0;
}

static int ns_path_enter(struct start *start, struct planned *planned)
{
	return setns(planned->fd, 0) < 0 ? op_fail(&start->ctx, errno, "enter namespace %s", planned->args[0]) : 0;
}

/* timens.new OFFSETS: lines for /proc/PID/timens_offsets, or none */
static int timens_new(struct start *start, struct planned *planned)
{
	(void)start;
	runtime.time_offsets = planned->args[0];
	return 0;
}

const struct start_op runtime_namespace_ops[] = {
	{.name = "userns.map", .min_args = 2, .prepare = userns_map},
	{.name = "userns.path", .min_args = 1, .prepare = userns_path},
	{.name = "ns.path", .min_args = 1, .prepare = ns_path_prepare, .enter = ns_path_enter},
	{.name = "timens.new", .min_args = 1, .prepare = timens_new},
	{.name = NULL},
};
