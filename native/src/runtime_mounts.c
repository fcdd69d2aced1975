/* Mounts as an OCI configuration lists them: any file system, binds with attributes for the mount or the whole tree, id maps. */
#include <sched.h>
#include <stdlib.h>
#include <sys/mount.h>
#include <sys/stat.h>
#include <sys/statfs.h>
#include <sys/syscall.h>
#include <sys/sysmacros.h>

#include "runtime.h"

#ifndef MOUNT_ATTR_NOSYMFOLLOW
#define MOUNT_ATTR_NOSYMFOLLOW 0x00200000
#endif

static const struct {
	const char *name;
	unsigned long long attribute;
} attribute_names[] = {
	{"ro", MOUNT_ATTR_RDONLY},
	{"nosuid", MOUNT_ATTR_NOSUID},
	{"nodev", MOUNT_ATTR_NODEV},
	{"noexec", MOUNT_ATTR_NOEXEC},
	{"nodiratime", MOUNT_ATTR_NODIRATIME},
	{"nosymfollow", MOUNT_ATTR_NOSYMFOLLOW},
	{"noatime", MOUNT_ATTR_NOATIME},
	{"strictatime", MOUNT_ATTR_STRICTATIME},
};

static unsigned long long attributes(const char *names)
{
	unsigned long long all = 0;
	for (size_t i = 0; i < ARRAY_SIZE(attribute_names); i++)
		if (has_flag(names, attribute_names[i].name))
			all |= attribute_names[i].attribute;
	return all;
}

/* The three ways of access times are one field: choosing one clears it first (mount_setattr(2)). */
static int change(struct start *start, int mount_fd, const char *set, const char *clear, unsigned int recursive, const char *what)
{
	struct mount_attr attr = {.attr_set = attributes(set), .attr_clr = attributes(clear)};
	if (has_flag(set, "noatime") || has_flag(set, "strictatime") || has_flag(set, "relatime"))
		attr.attr_clr |= MOUNT_ATTR__ATIME;
	if (attr.attr_clr & MOUNT_ATTR_NOATIME || attr.attr_clr & MOUNT_ATTR_STRICTATIME)
		attr.attr_clr |= MOUNT_ATTR__ATIME;
	if (attr.attr_set == 0 && attr.attr_clr == 0)
		return 0;
	if (mount_setattr(mount_fd, "", AT_EMPTY_PATH | recursive, &attr, sizeof(attr)) < 0)
		return op_fail(&start->ctx, errno, "set attributes of the mount on %s", what);
	return 0;
}

static int propagate(struct start *start, int mount_fd, const char *words, const char *what)
{
	static const struct {
		const char *name;
		unsigned int flag;
	} kinds[] = {{"private", MS_PRIVATE}, {"slave", MS_SLAVE}, {"shared", MS_SHARED}, {"unbindable", MS_UNBINDABLE}};
	for (size_t i = 0; i < ARRAY_SIZE(kinds); i++) {
		char recursive[16];
		snprintf(recursive, sizeof(recursive), "r%s", kinds[i].name);
		bool deep = has_flag(words, recursive);
		if (!deep && !has_flag(words, kinds[i].name))
			continue;
		struct mount_attr attr = {.propagation = kinds[i].flag};
		if (mount_setattr(mount_fd, "", AT_EMPTY_PATH | (deep ? AT_RECURSIVE : 0), &attr, sizeof(attr)) < 0)
			return op_fail(&start->ctx, errno, "make the mount on %s %s", what, deep ? recursive : kinds[i].name);
	}
	return 0;
}

/* root PATH: the bundle's root file system as a tree of its own */
static int root_prepare(struct start *start, struct planned *planned)
{
	const char *path = planned->args[0];
	planned->fd = open_tree(AT_FDCWD, path, OPEN_TREE_CLONE | OPEN_TREE_CLOEXEC | AT_RECURSIVE);
	if (planned->fd < 0)
		return op_fail(&start->ctx, errno, "open root file system %s", path);
	return make_private(&start->ctx, planned->fd, path);
}

static int root_apply(struct start *start, struct planned *planned)
{
	start->root = planned->fd;
	if (move_mount(start->root, "", AT_FDCWD, "/", MOVE_MOUNT_F_EMPTY_PATH) < 0)
		return op_fail(&start->ctx, errno, "attach the root file system");
	return 0;
}

/* Files of procfs that tools cover; nothing else may lie there but procfs itself, or the container would be told lies by others. */
static bool may_cover_in_proc(const char *path)
{
	static const char *const files[] = {"/proc/cpuinfo", "/proc/diskstats", "/proc/loadavg", "/proc/meminfo", "/proc/stat",
					    "/proc/swaps",   "/proc/uptime",    "/proc/net/dev", "/proc/slabinfo", "/proc/sys/kernel/ns_last_pid"};
	for (size_t i = 0; i < ARRAY_SIZE(files); i++)
		if (strcmp(files[i], path) == 0)
			return true;
	return false;
}

static int check_target(struct start *start, int target, int mount_fd, const char *path)
{
	struct statfs at, what;
	if (fstatfs(target, &at) < 0 || fstatfs(mount_fd, &what) < 0)
		return op_fail(&start->ctx, errno, "look at mount target %s", path);
	if (at.f_type == PROC_MAGIC && what.f_type != PROC_MAGIC && !may_cover_in_proc(path))
		return op_fail(&start->ctx, EPERM, "mount target %s lies in /proc", path);
	return 0;
}

/* tree SOURCE TARGET REC SET CLEAR RSET RCLEAR PROPAGATION [UIDMAP GIDMAP one|all | container one|all] */
static int shift_ids(struct start *start, struct planned *planned, int tree)
{
	if (planned->n < 10)
		return 0;
	bool container = strcmp(planned->args[8], "container") == 0;
	fd_auto int made = container ? -1 : map_user_namespace(&start->ctx, planned->args[8], planned->args[9]);
	int user = container ? start->user_ns : made;
	const char *depth = planned->args[planned->n - 1];
	if (user < 0)
		return op_fail(&start->ctx, EINVAL, "shift ids of %s without a user namespace", planned->args[0]);
	struct mount_attr shift = {.attr_set = MOUNT_ATTR_IDMAP, .userns_fd = (unsigned long long)user};
	if (mount_setattr(tree, "", AT_EMPTY_PATH | (strcmp(depth, "all") == 0 ? AT_RECURSIVE : 0), &shift, sizeof(shift)) < 0)
		return op_fail(&start->ctx, errno, "the file system of %s cannot shift ids", planned->args[0]);
	return 0;
}

static int detached_prepare(struct start *start, struct planned *planned)
{
	char **args = planned->args;
	unsigned int recursive = strcmp(args[2], "rec") == 0 ? AT_RECURSIVE : 0;
	fd_auto int tree = open_tree(AT_FDCWD, args[0], OPEN_TREE_CLONE | OPEN_TREE_CLOEXEC | recursive);
	if (tree < 0)
		return op_fail(&start->ctx, errno, "open mount source %s", args[0]);
	/* A clone is a peer of the original: unless that is asked for, what the container mounts below must not appear on the host. */
	bool shared = has_flag(args[7], "shared") || has_flag(args[7], "rshared");
	struct mount_attr slave = {.propagation = MS_SLAVE};
	if (!shared && mount_setattr(tree, "", AT_EMPTY_PATH | AT_RECURSIVE, &slave, sizeof(slave)) < 0)
		return op_fail(&start->ctx, errno, "cut the mount of %s off", args[0]);
	if (shift_ids(start, planned, tree) < 0 || change(start, tree, args[3], args[4], 0, args[1]) < 0 ||
	    change(start, tree, args[5], args[6], AT_RECURSIVE, args[1]) < 0)
		return -1;
	planned->fd = steal_fd(&tree);
	return 0;
}

static int detached_apply(struct start *start, struct planned *planned)
{
	const char *path = planned->args[1];
	struct stat st;
	if (fstat(planned->fd, &st) < 0)
		return op_fail(&start->ctx, errno, "look at mount source %s", planned->args[0]);
	fd_auto int target = open_in_root(&start->ctx, start->root, path, true, S_ISDIR(st.st_mode) ? TARGET_DIR : TARGET_FILE);
	if (target < 0 || check_target(start, target, planned->fd, path) < 0 || attach_mount(start, planned->fd, target, path) < 0)
		return -1;
	return propagate(start, planned->fd, planned->args[7], path);
}

static int configure(struct start *start, int fs, const char *key, const char *value)
{
	if (fsconfig(fs, value ? FSCONFIG_SET_STRING : FSCONFIG_SET_FLAG, key, value, 0) < 0)
		return op_fail(&start->ctx, errno, "mount option %s%s%s", key, value ? "=" : "", value ? value : "");
	return 0;
}

/* fs TYPE SOURCE TARGET SET CLEAR RSET RCLEAR PROPAGATION COPYUP OPTION… */
static int fs_make(struct start *start, struct planned *planned)
{
	fd_auto int fs = fsopen(planned->args[0], FSOPEN_CLOEXEC);
	if (fs < 0)
		return op_fail(&start->ctx, errno, "open file system %s", planned->args[0]);
	if (planned->args[1][0] && configure(start, fs, "source", planned->args[1]) < 0)
		return -1;
	for (int i = 9; i < planned->n; i++) {
		char *value = strchr(planned->args[i], '=');
		if (value)
			*value++ = '\0';
		if (configure(start, fs, planned->args[i], value) < 0)
			return -1;
	}
	if (fsconfig(fs, FSCONFIG_CMD_CREATE, NULL, NULL, 0) < 0)
		return op_fail(&start->ctx, errno, "make file system %s for %s", planned->args[0], planned->args[2]);
	int made = fsmount(fs, FSMOUNT_CLOEXEC, 0);
	return made < 0 ? op_fail(&start->ctx, errno, "mount file system %s on %s", planned->args[0], planned->args[2]) : made;
}

static int fs_apply(struct start *start, struct planned *planned)
{
	char **args = planned->args;
	const char *path = args[2];
	bool is_kernel = strcmp(args[0], "proc") == 0 || strcmp(args[0], "sysfs") == 0;
	fd_auto int target = is_kernel ? open_in_root_strict(&start->ctx, start->root, path, true) : open_in_root(&start->ctx, start->root, path, true, TARGET_DIR);
	fd_auto int made = target < 0 ? -1 : fs_make(start, planned);
	if (made < 0 || check_target(start, target, made, path) < 0)
		return -1;
	if (strcmp(args[8], "copyup") == 0) {
		fd_auto int from = openat(target, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
		fd_auto int to = openat(made, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
		if (from < 0 || to < 0 || copy_tree(&start->ctx, from, to) < 0)
			return op_fail(&start->ctx, errno, "copy what is in %s", path);
	}
	if (change(start, made, args[3], args[4], 0, path) < 0 || change(start, made, args[5], args[6], AT_RECURSIVE, path) < 0 ||
	    attach_mount(start, made, target, path) < 0 || propagate(start, made, args[7], path) < 0)
		return -1;
	if (strcmp(args[0], "proc") == 0 && start->proc < 0)
		start->proc = steal_fd(&made);
	return 0;
}

/* proc.own: a procfs to set sysctls through where the configuration mounts none */
static int proc_own_apply(struct start *start, struct planned *planned)
{
	(void)planned;
	if (start->proc < 0)
		start->proc = new_mount(&start->ctx, "proc", "", MOUNT_ATTR_NOSUID | MOUNT_ATTR_NODEV | MOUNT_ATTR_NOEXEC);
	return start->proc < 0 ? -1 : 0;
}

static int node_parent(struct start *start, const char *path, const char **name)
{
	char folder[4096];
	const char *slash = strrchr(path, '/');
	snprintf(folder, sizeof(folder), "%.*s", slash ? (int)(slash - path) : 0, path);
	*name = slash ? slash + 1 : path;
	fd_auto int found = open_in_root(&start->ctx, start->root, folder[0] ? folder : "/", true, TARGET_DIR);
	if (found < 0)
		return -1;
	return steal_fd(&found);
}

/* node c|b|p PATH MAJOR MINOR MODE UID GID, where device nodes may be made */
static int node_apply(struct start *start, struct planned *planned)
{
	char **args = planned->args;
	const char *name;
	long long major_number, minor_number, uid, gid;
	if (!op_number(&start->ctx, "major", args[2], 0, 4095, &major_number) || !op_number(&start->ctx, "minor", args[3], 0, 1048575, &minor_number) ||
	    !op_number(&start->ctx, "uid", args[5], 0, 4294967294LL, &uid) || !op_number(&start->ctx, "gid", args[6], 0, 4294967294LL, &gid))
		return -1;
	mode_t mode = (mode_t)strtoul(args[4], NULL, 8);
	mode_t type = args[0][0] == 'b' ? S_IFBLK : args[0][0] == 'p' ? S_IFIFO : S_IFCHR;
	dev_t device = makedev((unsigned int)major_number, (unsigned int)minor_number);
	fd_auto int folder = node_parent(start, args[1], &name);
	if (folder < 0)
		return -1;
	struct stat st;
	if (mknodat(folder, name, type | mode, device) < 0) {
		if (errno != EEXIST || fstatat(folder, name, &st, AT_SYMLINK_NOFOLLOW) < 0)
			return op_fail(&start->ctx, errno, "make device %s", args[1]);
		if ((st.st_mode & S_IFMT) != type || (type != S_IFIFO && st.st_rdev != device))
			return op_fail(&start->ctx, EEXIST, "make device %s: something else has its place", args[1]);
	}
	if (fchmodat(folder, name, mode, 0) < 0 || fchownat(folder, name, (uid_t)uid, (gid_t)gid, AT_SYMLINK_NOFOLLOW) < 0)
		return op_fail(&start->ctx, errno, "give device %s its owner", args[1]);
	return 0;
}

/* link VALUE PATH: a symbolic link in place of whatever file is there */
static int link_apply(struct start *start, struct planned *planned)
{
	const char *name;
	fd_auto int folder = node_parent(start, planned->args[1], &name);
	if (folder < 0)
		return -1;
	if (unlinkat(folder, name, 0) < 0 && errno != ENOENT)
		return op_fail(&start->ctx, errno, "replace %s", planned->args[1]);
	return symlinkat(planned->args[0], folder, name) < 0 ? op_fail(&start->ctx, errno, "link %s", planned->args[1]) : 0;
}

/* lock PATH: read-only with all that lies below; what is not there is left alone */
static int lock_apply(struct start *start, struct planned *planned)
{
	const char *path = planned->args[0];
	fd_auto int target = open_in_root(&start->ctx, start->root, path, false, TARGET_ANY);
	if (target < 0 && start->ctx.err == ENOENT) {
		start->ctx.failed = false;
		return 0;
	}
	fd_auto int tree = target < 0 ? -1 : open_tree(target, "", AT_EMPTY_PATH | AT_RECURSIVE | OPEN_TREE_CLONE | OPEN_TREE_CLOEXEC);
	struct mount_attr attr = {.attr_set = MOUNT_ATTR_RDONLY};
	if (tree < 0 || mount_setattr(tree, "", AT_EMPTY_PATH | AT_RECURSIVE, &attr, sizeof(attr)) < 0)
		return op_fail(&start->ctx, errno, "make %s read-only", path);
	return attach_mount(start, tree, target, path);
}

/* seal PATH: the mount that lies there, now that all is made in it */
static int seal_apply(struct start *start, struct planned *planned)
{
	struct mount_attr attr = {.attr_set = MOUNT_ATTR_RDONLY};
	fd_auto int target = open_in_root(&start->ctx, start->root, planned->args[0], false, TARGET_DIR);
	if (target < 0 || mount_setattr(target, "", AT_EMPTY_PATH, &attr, sizeof(attr)) < 0)
		return op_fail(&start->ctx, errno, "make %s read-only", planned->args[0]);
	return 0;
}

/* chroot: for root file systems that pivot_root(2) cannot leave (the first one of the machine) */
static int chroot_apply(struct start *start, struct planned *planned)
{
	(void)planned;
	if (fchdir(start->root) < 0 || chroot(".") < 0 || chdir("/") < 0)
		return op_fail(&start->ctx, errno, "change to the new root");
	return 0;
}

/* unbindable: the root */
static int unbindable_apply(struct start *start, struct planned *planned)
{
	(void)planned;
	return mount(NULL, "/", NULL, MS_UNBINDABLE, NULL) < 0 ? op_fail(&start->ctx, errno, "make the root unbindable") : 0;
}

const struct start_op runtime_mount_ops[] = {
	{.name = "root", .min_args = 1, .prepare = root_prepare, .apply = root_apply},
	{.name = "fs", .min_args = 9, .apply = fs_apply},
	{.name = "tree", .min_args = 8, .prepare = detached_prepare, .apply = detached_apply},
	{.name = "proc.own", .min_args = 0, .apply = proc_own_apply},
	{.name = "node", .min_args = 7, .apply = node_apply},
	{.name = "link", .min_args = 2, .apply = link_apply},
	{.name = "lock", .min_args = 1, .apply = lock_apply},
	{.name = "seal", .min_args = 1, .apply = seal_apply},
	{.name = "chroot", .min_args = 0, .apply = chroot_apply},
	{.name = "unbindable", .min_args = 0, .apply = unbindable_apply},
	{.name = NULL},
};
