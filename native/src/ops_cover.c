/*
 * cover PID STARTTICKS SOURCE TARGET: lays a file or folder of the host over one of procfs or sysfs in a running container, in place
 * of what a FUSE file system had laid there before. When such a file system is started anew, the binds of its former life stay dead.
 */
#include <linux/openat2.h>
#include <sched.h>
#include <sys/mount.h>
#include <sys/statfs.h>
#include <sys/syscall.h>
#include <sys/wait.h>

#include "core.h"

#define FUSE_MAGIC 0x65735546
#define SYSFS_MAGIC_ 0x62656572

static int open_target(const char *path)
{
	struct open_how how = {.flags = O_PATH | O_CLOEXEC, .resolve = RESOLVE_NO_MAGICLINKS | RESOLVE_NO_SYMLINKS};
	return (int)syscall(SYS_openat2, AT_FDCWD, path, &how, sizeof(how));
}

/* In a child: a container may have laid something of its own there, which stays. 0 or an errno. */
static int cover_in(int namespace, int tree, const char *target)
{
	struct statfs fs;
	if (setns(namespace, CLONE_NEWNS) < 0)
		return errno;
	fd_auto int there = open_target(target);
	if (there < 0)
		return errno;
	bool dead = fstatfs(there, &fs) < 0;
	if (dead || fs.f_type == FUSE_MAGIC) {
		if (dead && errno != ENOTCONN && errno != ECONNABORTED)
			return errno;
		if (umount2(target, MNT_DETACH | UMOUNT_NOFOLLOW) < 0)
			return errno;
	} else if (fs.f_type != PROC_MAGIC && fs.f_type != SYSFS_MAGIC_) {
		return 0;
	}
	fd_auto int below = open_target(target);
	if (below < 0 || move_mount(tree, "", below, "", MOVE_MOUNT_F_EMPTY_PATH | MOVE_MOUNT_T_EMPTY_PATH) < 0)
		return errno;
	return 0;
}

int op_cover(struct op_ctx *ctx, char **args, int n)
{
	(void)n;
	long long pid, ticks;
	char path[64];
	if (!op_number(ctx, "pid", args[0], 1, 4194304, &pid) || !op_number(ctx, "start time", args[1], 0, INT64_MAX, &ticks))
		return -1;
	snprintf(path, sizeof(path), "/proc/%lld/ns/mnt", pid);
	fd_auto int namespace = open(path, O_RDONLY | O_CLOEXEC);
	/* The descriptor is of this process or none: looked at after it was opened. */
	if (namespace < 0 || start_ticks((pid_t)pid) != (unsigned long long)ticks)
		return op_fail(ctx, ESRCH, "process %lld has ended", pid);
	fd_auto int tree = open_tree(AT_FDCWD, args[2], OPEN_TREE_CLONE | OPEN_TREE_CLOEXEC);
	struct mount_attr attr = {.attr_set = MOUNT_ATTR_RDONLY | MOUNT_ATTR_NOSUID | MOUNT_ATTR_NODEV, .propagation = MS_PRIVATE};
	if (tree < 0 || mount_setattr(tree, "", AT_EMPTY_PATH, &attr, sizeof(attr)) < 0)
		return op_fail(ctx, errno, "clone %s", args[2]);
	pid_t child = fork();
	if (child == 0)
		_exit(cover_in(namespace, tree, args[3]));
	int status = 0;
	if (child < 0 || waitpid(child, &status, 0) < 0 || !WIFEXITED(status))
		return op_fail(ctx, ECHILD, "cover %s", args[3]);
	return WEXITSTATUS(status) ? op_fail(ctx, WEXITSTATUS(status), "cover %s of process %lld", args[3], pid) : 0;
}
