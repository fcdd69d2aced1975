/*
 * Settings below /proc/sys of one network namespace. procfs shows /proc/sys/net of the reader's own network namespace
 * (fs/proc/proc_sysctl.c, net_ctl_root), hence the visit; the files are the host's own procfs, so nothing of a container is trusted.
 */
#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <unistd.h>

#include "net.h"

/* Opens PATH below /proc/sys without leaving it: PATH is relative and has no `..`. */
static int open_sysctl(struct op_ctx *ctx, const char *path, int flags)
{
	if (path[0] == '/' || strstr(path, "..")) {
		(void)op_fail(ctx, EINVAL, "sysctl path %s", path);
		errno = EINVAL;
		return -1;
	}
	fd_auto int root = open("/proc/sys", O_PATH | O_DIRECTORY | O_CLOEXEC);
	if (root < 0)
		return -1;
	return openat(root, path, flags | O_CLOEXEC);
}

static int write_sysctl(struct op_ctx *ctx, char **args, bool must_exist)
{
	int home;
	if (net_enter(ctx, args[0], &home) < 0)
		return -1;
	fd_auto int fd = open_sysctl(ctx, args[1], O_WRONLY);
	int number = fd < 0 ? errno : 0;
	const size_t length = strlen(args[2]);
	if (fd >= 0 && write(fd, args[2], length) != (ssize_t)length)
		number = errno ? errno : EIO;
	net_leave(ctx, home);
	if (number && (must_exist || number != ENOENT))
		return op_fail(ctx, number, "set sysctl %s to %s", args[1], args[2]);
	return 0;
}

/* net.sysctl WHERE PATH VALUE */
int net_sysctl(struct op_ctx *ctx, char **args, int n)
{
	(void)n;
	return write_sysctl(ctx, args, true);
}

int net_sysctl_if_there(struct op_ctx *ctx, char **args, int n)
{
	(void)n;
	return write_sysctl(ctx, args, false);
}

/* net.sysctl.read WHERE PATH */
int net_sysctl_read(struct op_ctx *ctx, char **args, int n)
{
	(void)n;
	int home;
	if (net_enter(ctx, args[0], &home) < 0)
		return -1;
	char value[4096];
	fd_auto int fd = open_sysctl(ctx, args[1], O_RDONLY);
	ssize_t got = fd < 0 ? -1 : read(fd, value, sizeof value);
	const int number = errno;
	net_leave(ctx, home);
	if (got < 0)
		return op_fail(ctx, number, "read sysctl %s", args[1]);
	while (got > 0 && value[got - 1] == '\n')
		got--;
	return op_result_bytes(ctx, value, (size_t)got);
}
