/* Bind mounts: volumes, host folders, our own files over /etc. */
#include <linux/openat2.h>
#include <sys/mount.h>
#include <sys/stat.h>
#include <sys/statfs.h>
#include <sys/syscall.h>

#include "start.h"

/* With `strict` the source was resolved before the policy saw it, and no link may have come in since. */
static int open_source(struct start *start, const char *source, bool strict)
{
	struct open_how how = {.flags = O_PATH | O_CLOEXEC, .resolve = RESOLVE_NO_MAGICLINKS | (strict ? RESOLVE_NO_SYMLINKS : 0)};
	int fd = (int)syscall(SYS_openat2, AT_FDCWD, source, &how, sizeof(how));
	return fd < 0 ? op_fail(&start->ctx, errno, "open mount source %s", source) : fd;
}

static int set_attributes(struct start *start, int tree, const char *flags, const char *source)
{
	bool shared = has_flag(flags, "shared") || has_flag(flags, "rshared");
	bool slave = has_flag(flags, "slave") || has_flag(flags, "rslave");
	unsigned int recursive = has_flag(flags, "rec") ? AT_RECURSIVE : 0;
	struct mount_attr attr = {.attr_set = mount_attributes(flags), .propagation = shared ? 0 : slave ? MS_SLAVE : MS_PRIVATE};
	if (mount_setattr(tree, "", AT_EMPTY_PATH | recursive, &attr, sizeof(attr)) < 0)
		return op_fail(&start->ctx, errno, "set mount attributes of %s", source);
	if (start->user_ns < 0 || !has_flag(flags, "idmap"))
		return 0;
	struct mount_attr shift = {.attr_set = MOUNT_ATTR_IDMAP, .userns_fd = (unsigned long long)start->user_ns};
	if (mount_setattr(tree, "", AT_EMPTY_PATH | recursive, &shift, sizeof(shift)) < 0)
		return op_fail(&start->ctx, errno, "the file system of %s cannot shift ids", source);
	return 0;
}

/* bind SOURCE TARGET FLAGS: ro nosuid nodev noexec, rec, idmap, strict, optional, [r]private|slave|shared */
int bind_prepare(struct start *start, struct planned *planned)
{
	const char *source = planned->args[0];
	const char *flags = planned->args[2];
	if (has_flag(flags, "optional") && access(source, F_OK) < 0)
		return 0;
	fd_auto int from = open_source(start, source, has_flag(flags, "strict"));
	if (from < 0)
		return -1;
	fd_auto int tree = open_tree(from, "", AT_EMPTY_PATH | OPEN_TREE_CLONE | OPEN_TREE_CLOEXEC | (has_flag(flags, "rec") ? AT_RECURSIVE : 0));
	if (tree < 0)
		return op_fail(&start->ctx, errno, "clone mount %s", source);
	if (set_attributes(start, tree, flags, source) < 0)
		return -1;
	planned->fd = steal_fd(&tree);
	return 0;
}

/* What monitoring tools lay over single files of procfs; nothing else may be mounted there. */
static bool may_cover_in_proc(const char *path)
{
	static const char *const files[] = {"/proc/cpuinfo", "/proc/diskstats", "/proc/loadavg", "/proc/meminfo", "/proc/stat", "/proc/swaps", "/proc/uptime"};
	for (size_t i = 0; i < ARRAY_SIZE(files); i++)
		if (strcmp(files[i], path) == 0)
			return true;
	return false;
}

int bind_apply(struct start *start, struct planned *planned)
{
	if (planned->fd < 0)
		return 0;
	const char *path = planned->args[1];
	struct stat st;
	struct statfs fs;
	if (fstat(planned->fd, &st) < 0)
		return op_fail(&start->ctx, errno, "stat mount source %s", planned->args[0]);
	fd_auto int target = open_in_root(&start->ctx, start->root, path, true, S_ISDIR(st.st_mode) ? TARGET_DIR : TARGET_FILE);
	if (target < 0)
		return -1;
	if (fstatfs(target, &fs) < 0 || (fs.f_type == PROC_MAGIC && !may_cover_in_proc(path)))
		return op_fail(&start->ctx, EPERM, "mount target %s lies in /proc", path);
	return attach_mount(start, planned->fd, target, path);
}
