/* Bind mounts: volumes, host folders, our own files over /etc. */
#include <linux/magic.h>
#include <linux/openat2.h>
#include <sched.h>
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

/* A part of a volume, which its containers write: a link in it may lead anywhere inside, and nowhere else. Takes over `volume`. */
static int open_below(struct start *start, int volume, const char *path, const char *source)
{
	struct open_how how = {.flags = O_PATH | O_CLOEXEC, .resolve = RESOLVE_NO_MAGICLINKS | RESOLVE_BENEATH};
	int fd = (int)syscall(SYS_openat2, volume, path, &how, sizeof(how));
	int err = errno;
	close(volume);
	if (fd < 0 && err == EXDEV)
		return op_fail(&start->ctx, err, "%s leads out of %s", path, source);
	return fd < 0 ? op_fail(&start->ctx, err, "open %s in %s", path, source) : fd;
}

static int set_attributes(struct start *start, int tree, const char *flags, const char *source)
{
	bool shared = has_flag(flags, "shared") || has_flag(flags, "rshared");
	bool slave = has_flag(flags, "slave") || has_flag(flags, "rslave");
	unsigned int recursive = has_flag(flags, "rec") ? AT_RECURSIVE : 0;
	struct mount_attr attr = {.attr_set = mount_attributes(flags), .propagation = shared ? 0 : slave ? MS_SLAVE : MS_PRIVATE};
	if (mount_setattr(tree, "", AT_EMPTY_PATH | recursive, &attr, sizeof(attr)) < 0)
		return op_fail(&start->ctx, errno, "set mount attributes of %s", source);
	struct mount_attr top = {.attr_set = MOUNT_ATTR_RDONLY};
	if (has_flag(flags, "ro-top") && mount_setattr(tree, "", AT_EMPTY_PATH, &top, sizeof(top)) < 0)
		return op_fail(&start->ctx, errno, "make %s read-only", source);
	bool optional = has_flag(flags, "idmap-try");
	if (start->user_ns < 0 || !(optional || has_flag(flags, "idmap")))
		return 0;
	struct mount_attr shift = {.attr_set = MOUNT_ATTR_IDMAP, .userns_fd = (unsigned long long)start->user_ns};
	if (mount_setattr(tree, "", AT_EMPTY_PATH | recursive, &shift, sizeof(shift)) < 0 && !optional)
		return op_fail(&start->ctx, errno, "the file system of %s cannot shift ids", source);
	return 0;
}

/*
 * bind SOURCE TARGET FLAGS [SUBPATH]: ro nosuid nodev noexec, rec, ro-top (what is mounted below stays writable), idmap, idmap-try
 * (as it is where ids cannot be shifted), strict, optional, [r]private|slave|shared. SUBPATH: that part of SOURCE only.
 */
int bind_prepare(struct start *start, struct planned *planned)
{
	const char *source = planned->args[0];
	const char *flags = planned->args[2];
	if (has_flag(flags, "optional") && access(source, F_OK) < 0)
		return 0;
	fd_auto int from = open_source(start, source, has_flag(flags, "strict"));
	if (from >= 0 && planned->n > 3)
		from = open_below(start, from, planned->args[3], source);
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

int refuse_proc(struct start *start, int target, const char *path)
{
	struct statfs fs;
	if (fstatfs(target, &fs) < 0 || (fs.f_type == PROC_MAGIC && !may_cover_in_proc(path)))
		return op_fail(&start->ctx, EPERM, "mount target %s lies in /proc", path);
	return 0;
}

int bind_apply(struct start *start, struct planned *planned)
{
	if (planned->fd < 0)
		return 0;
	const char *path = planned->args[1];
	struct stat st;
	if (fstat(planned->fd, &st) < 0)
		return op_fail(&start->ctx, errno, "stat mount source %s", planned->args[0]);
	fd_auto int target = open_in_root(&start->ctx, start->root, path, true, S_ISDIR(st.st_mode) ? TARGET_DIR : TARGET_FILE);
	if (target < 0)
		return -1;
	if (refuse_proc(start, target, path) < 0)
		return -1;
	return attach_mount(start, planned->fd, target, path);
}

#define MQUEUE_MAGIC 0x19800202

/* In a child: the other container's folder as it stands in that one's mount namespace, which it may have changed: so it is checked. */
static int clone_from_other(struct start *start, struct planned *planned)
{
	char path[64];
	struct statfs fs;
	struct open_how how = {.flags = O_PATH | O_DIRECTORY | O_CLOEXEC, .resolve = RESOLVE_NO_MAGICLINKS | RESOLVE_NO_SYMLINKS};
	snprintf(path, sizeof(path), "/proc/%s/ns/mnt", planned->args[0]);
	fd_auto int theirs = open(path, O_RDONLY | O_CLOEXEC);
	if (theirs < 0 || setns(theirs, CLONE_NEWNS) < 0)
		return op_fail(&start->ctx, errno, "enter the mounts of process %s", planned->args[0]);
	fd_auto int from = (int)syscall(SYS_openat2, AT_FDCWD, planned->args[1], &how, sizeof(how));
	if (from < 0 || fstatfs(from, &fs) < 0)
		return op_fail(&start->ctx, errno, "open %s of the other container", planned->args[1]);
	if (fs.f_type != TMPFS_MAGIC && fs.f_type != MQUEUE_MAGIC)
		return op_fail(&start->ctx, EINVAL, "%s of the other container is not its shared memory", planned->args[1]);
	planned->fd = open_tree(from, "", AT_EMPTY_PATH | OPEN_TREE_CLONE | OPEN_TREE_CLOEXEC);
	return planned->fd < 0 ? op_fail(&start->ctx, errno, "clone %s of the other container", planned->args[1]) : 0;
}

/*
 * share PID PATH: a tmpfs or message queue of another container at the same place here. An ipc namespace is joined, but its file
 * systems may be mounted anew only by its owner, which another user namespace's root is not.
 */
int share_prepare(struct start *start, struct planned *planned)
{
	long long pid;
	if (!op_number(&start->ctx, "pid", planned->args[0], 1, 4194304, &pid) || made_by_child(start, planned, clone_from_other) < 0)
		return -1;
	return make_private(&start->ctx, planned->fd, planned->args[1]);
}

int share_apply(struct start *start, struct planned *planned)
{
	fd_auto int target = open_in_root_strict(&start->ctx, start->root, planned->args[1], true);
	return target < 0 ? -1 : attach_mount(start, planned->fd, target, planned->args[1]);
}
