/* The `rootfs` section: the container's mounts, made in its own mount namespace only, and pivot_root. */
#include <linux/openat2.h>
#include <sched.h>
#include <stdlib.h>
#include <sys/mount.h>
#include <sys/stat.h>
#include <sys/statfs.h>
#include <sys/syscall.h>

#include "start.h"

bool has_flag(const char *flags, const char *flag)
{
	size_t length = strlen(flag);
	for (const char *at = flags; *at; at += strcspn(at, ",")) {
		at += *at == ',';
		if (strcspn(at, ",") == length && memcmp(at, flag, length) == 0)
			return true;
	}
	return false;
}

unsigned int mount_attributes(const char *flags)
{
	return (has_flag(flags, "ro") ? MOUNT_ATTR_RDONLY : 0) | (has_flag(flags, "nosuid") ? MOUNT_ATTR_NOSUID : 0) |
	       (has_flag(flags, "nodev") ? MOUNT_ATTR_NODEV : 0) | (has_flag(flags, "noexec") ? MOUNT_ATTR_NOEXEC : 0) |
	       (has_flag(flags, "noatime") ? MOUNT_ATTR_NOATIME : 0);
}

static int open_how(int dir, const char *path, unsigned long long flags, unsigned long long resolve)
{
	struct open_how how = {.flags = flags | O_CLOEXEC, .resolve = resolve};
	return (int)syscall(SYS_openat2, dir, path, &how, sizeof(how));
}

static int make_component(struct op_ctx *ctx, int parent, const char *path, const char *name, bool folder)
{
	if (folder) {
		if (mkdirat(parent, name, 0755) < 0 && errno != EEXIST)
			return op_fail(ctx, errno, "make folder %s in the container", path);
		return 0;
	}
	fd_auto int fd = openat(parent, name, O_CREAT | O_EXCL | O_WRONLY | O_NOFOLLOW | O_CLOEXEC, 0644);
	if (fd < 0 && errno != EEXIST)
		return op_fail(ctx, errno, "make file %s in the container", path);
	return 0;
}

/*
 * Makes what is missing of `path`, each component relative to the descriptor of its parent; the parent is looked up from the
 * root again with RESOLVE_IN_ROOT, so a link on the way is followed as the container would follow it.
 */
static int create_path(struct op_ctx *ctx, int root, const char *path, unsigned long long resolve, bool folder)
{
	char prefix[4096];
	if (strlen(path) >= sizeof(prefix))
		return op_fail(ctx, ENAMETOOLONG, "%.64s…", path);
	fd_auto int parent = open_how(root, ".", O_PATH | O_DIRECTORY, resolve);
	size_t at = 0;
	for (;;) {
		while (path[at] == '/')
			at++;
		size_t length = strcspn(path + at, "/");
		if (length == 0)
			return 0;
		char name[256];
		if (length >= sizeof(name))
			return op_fail(ctx, ENAMETOOLONG, "%.64s…", path + at);
		memcpy(name, path + at, length);
		name[length] = '\0';
		at += length;
		bool last = path[at + strspn(path + at, "/")] == '\0';
		memcpy(prefix, path, at);
		prefix[at] = '\0';
		int next = open_how(root, prefix, O_PATH, resolve);
		if (next < 0 && errno == ENOENT) {
			if (make_component(ctx, parent, prefix, name, !last || folder) < 0)
				return -1;
			next = open_how(root, prefix, O_PATH, resolve);
		}
		if (next < 0)
			return op_fail(ctx, errno == ENOENT ? ELOOP : errno, "open %s in the container", prefix);
		close_fd(&parent);
		parent = next;
	}
}

static int open_resolved(struct op_ctx *ctx, int root, const char *path, bool create, enum target_kind kind, unsigned long long resolve)
{
	unsigned long long flags = O_PATH | (kind == TARGET_DIR ? O_DIRECTORY : 0);
	int fd = open_how(root, path, flags, resolve);
	if (fd >= 0)
		return fd;
	if (errno == ENOENT && create) {
		if (create_path(ctx, root, path, resolve, kind != TARGET_FILE) < 0)
			return -1;
		fd = open_how(root, path, flags, resolve);
		if (fd >= 0)
			return fd;
	}
	if (errno == ELOOP && (resolve & RESOLVE_NO_SYMLINKS))
		return op_fail(ctx, errno, "%s of the image is a symbolic link, which is refused", path);
	return op_fail(ctx, errno, "open %s in the container", path);
}

int open_in_root(struct op_ctx *ctx, int root, const char *path, bool create, enum target_kind kind)
{
	return open_resolved(ctx, root, path, create, kind, RESOLVE_IN_ROOT | RESOLVE_NO_MAGICLINKS);
}

int open_in_root_strict(struct op_ctx *ctx, int root, const char *path, bool create)
{
	return open_resolved(ctx, root, path, create, TARGET_DIR, RESOLVE_IN_ROOT | RESOLVE_NO_MAGICLINKS | RESOLVE_NO_SYMLINKS);
}

int attach_mount(struct start *start, int mount_fd, int target, const char *what)
{
	if (move_mount(mount_fd, "", target, "", MOVE_MOUNT_F_EMPTY_PATH | MOVE_MOUNT_T_EMPTY_PATH) < 0)
		return op_fail(&start->ctx, errno, "mount %s", what);
	return 0;
}

int set_fs_options(struct op_ctx *ctx, int fs, const char *type, const char *options)
{
	char text[4096];
	if (strlen(options) >= sizeof(text))
		return op_fail(ctx, E2BIG, "%s options of %zu bytes", type, strlen(options));
	snprintf(text, sizeof(text), "%s", options);
	char *rest = text;
	for (char *option; (option = strsep(&rest, ","));) {
		if (*option == '\0')
			continue;
		char *value = strchr(option, '=');
		if (value)
			*value++ = '\0';
		if (fsconfig(fs, value ? FSCONFIG_SET_STRING : FSCONFIG_SET_FLAG, option, value, 0) < 0)
			return op_fail(ctx, errno, "%s option %s%s%s", type, option, value ? "=" : "", value ? value : "");
	}
	return 0;
}

int new_mount(struct op_ctx *ctx, const char *type, const char *options, unsigned int attributes)
{
	fd_auto int fs = fsopen(type, FSOPEN_CLOEXEC);
	if (fs < 0)
		return op_fail(ctx, errno, "open file system %s", type);
	if (set_fs_options(ctx, fs, type, options) < 0)
		return -1;
	if (fsconfig(fs, FSCONFIG_CMD_CREATE, NULL, NULL, 0) < 0)
		return op_fail(ctx, errno, "make file system %s (%s)", type, options);
	int mounted = fsmount(fs, FSMOUNT_CLOEXEC, attributes);
	return mounted < 0 ? op_fail(ctx, errno, "mount file system %s", type) : mounted;
}

/* propagation private|slave|shared: nothing that is mounted here may reach the host; with slave, the host's mounts come in */
static int propagation_apply(struct start *start, struct planned *planned)
{
	unsigned long flags = strcmp(planned->args[0], "private") == 0 ? MS_PRIVATE : MS_SLAVE;
	if (mount(NULL, "/", NULL, MS_REC | flags, NULL) < 0)
		return op_fail(&start->ctx, errno, "make the mounts %s", planned->args[0]);
	return 0;
}

/* The overlay was built detached; it lies over "/" of the new namespace until pivot_root makes it the root. */
static int overlay_apply(struct start *start, struct planned *planned)
{
	start->root = planned->fd;
	if (move_mount(start->root, "", AT_FDCWD, "/", MOVE_MOUNT_F_EMPTY_PATH) < 0)
		return op_fail(&start->ctx, errno, "attach the root file system");
	return 0;
}

int make_private(struct op_ctx *ctx, int tree, const char *what)
{
	struct mount_attr attr = {.propagation = MS_PRIVATE};
	if (mount_setattr(tree, "", AT_EMPTY_PATH | AT_RECURSIVE, &attr, sizeof(attr)) < 0)
		return op_fail(ctx, errno, "make the mount of %s private", what);
	return 0;
}

/* A bind of the host's own, for namespaces that are the host's: the new root may not make that file system itself. */
static int host_clone(struct start *start, struct planned *planned, const char *path, unsigned int flags)
{
	planned->fd = open_tree(AT_FDCWD, path, OPEN_TREE_CLONE | OPEN_TREE_CLOEXEC | flags);
	if (planned->fd < 0)
		return op_fail(&start->ctx, errno, "clone the host's %s", path);
	return make_private(&start->ctx, planned->fd, path);
}

static int proc_prepare(struct start *start, struct planned *planned)
{
	if (start->user_ns < 0 || (start->new_flags & CLONE_NEWPID) || start->joins_pid_ns)
		return 0;
	return host_clone(start, planned, "/proc", AT_RECURSIVE);
}

/* proc TARGET */
static int proc_apply(struct start *start, struct planned *planned)
{
	fd_auto int target = open_in_root_strict(&start->ctx, start->root, planned->args[0], true);
	if (target < 0)
		return -1;
	int proc = planned->fd >= 0 ? planned->fd : new_mount(&start->ctx, "proc", "", MOUNT_ATTR_NOSUID | MOUNT_ATTR_NODEV | MOUNT_ATTR_NOEXEC);
	if (proc < 0 || attach_mount(start, proc, target, planned->args[0]) < 0)
		return -1;
	struct statfs fs;
	if (fstatfs(proc, &fs) < 0 || fs.f_type != PROC_MAGIC)
		return op_fail(&start->ctx, EINVAL, "%s is not procfs", planned->args[0]);
	start->proc = proc;
	return 0;
}

static int sysfs_prepare(struct start *start, struct planned *planned)
{
	if (start->user_ns < 0 || start->has_net_ns)
		return 0;
	return host_clone(start, planned, "/sys", 0);
}

/* sysfs TARGET ro|rw: sysfs shows the devices of the network namespace that mounts it */
static int sysfs_apply(struct start *start, struct planned *planned)
{
	unsigned int attributes = MOUNT_ATTR_NOSUID | MOUNT_ATTR_NODEV | MOUNT_ATTR_NOEXEC | mount_attributes(planned->args[1]);
	fd_auto int target = open_in_root_strict(&start->ctx, start->root, planned->args[0], true);
	if (target < 0)
		return -1;
	fd_auto int sys = planned->fd >= 0 ? planned->fd : new_mount(&start->ctx, "sysfs", "", attributes);
	if (sys < 0)
		return -1;
	if (planned->fd >= 0) {
		struct mount_attr attr = {.attr_set = attributes};
		if (mount_setattr(sys, "", AT_EMPTY_PATH, &attr, sizeof(attr)) < 0)
			return op_fail(&start->ctx, errno, "protect %s", planned->args[0]);
	}
	return attach_mount(start, sys, target, planned->args[0]);
}

/* tmpfs TARGET FLAGS OPTIONS */
static int tmpfs_apply(struct start *start, struct planned *planned)
{
	const char *path = planned->args[0];
	bool is_dev = strcmp(path, "/dev") == 0;
	fd_auto int target = is_dev ? open_in_root_strict(&start->ctx, start->root, path, true) : open_in_root(&start->ctx, start->root, path, true, TARGET_DIR);
	if (target < 0)
		return -1;
	fd_auto int made = new_mount(&start->ctx, "tmpfs", planned->args[2], mount_attributes(planned->args[1]));
	if (made < 0 || attach_mount(start, made, target, path) < 0)
		return -1;
	if (is_dev)
		start->dev = steal_fd(&made);
	return 0;
}

/* mqueue TARGET */
static int mqueue_apply(struct start *start, struct planned *planned)
{
	fd_auto int target = open_in_root_strict(&start->ctx, start->root, planned->args[0], true);
	if (target < 0)
		return -1;
	fd_auto int made = new_mount(&start->ctx, "mqueue", "", MOUNT_ATTR_NOSUID | MOUNT_ATTR_NODEV | MOUNT_ATTR_NOEXEC);
	return made < 0 ? -1 : attach_mount(start, made, target, planned->args[0]);
}

/* symlink VALUE PATH */
static int symlink_apply(struct start *start, struct planned *planned)
{
	const char *path = planned->args[1];
	const char *slash = strrchr(path, '/');
	char parent[4096];
	snprintf(parent, sizeof(parent), "%.*s", slash ? (int)(slash - path) : 0, path);
	fd_auto int dir = open_in_root(&start->ctx, start->root, parent[0] ? parent : "/", true, TARGET_DIR);
	if (dir < 0)
		return -1;
	if (symlinkat(planned->args[0], dir, slash ? slash + 1 : path) < 0 && errno != EEXIST)
		return op_fail(&start->ctx, errno, "link %s to %s", path, planned->args[0]);
	return 0;
}

static int mount_cgroup(struct start *start, const char *target, const char *type, const char *options, unsigned int attributes)
{
	fd_auto int dir = open_in_root_strict(&start->ctx, start->root, target, true);
	if (dir < 0)
		return -1;
	fd_auto int made = new_mount(&start->ctx, type, options, attributes);
	return made < 0 ? -1 : attach_mount(start, made, dir, target);
}

/* The hierarchies that exist, from the process's own membership: `N:CONTROLLERS:PATH`, `0::PATH` for v2 (cgroups(7)). */
static int mount_hierarchies(struct start *start, const char *target, unsigned int attributes, char *membership)
{
	bool has_v1 = strstr(membership, "\n0::") != NULL || strncmp(membership, "0::", 3) != 0;
	if (!has_v1)
		return mount_cgroup(start, target, "cgroup2", "", attributes);
	if (mount_cgroup(start, target, "tmpfs", "mode=755,size=64k", MOUNT_ATTR_NOSUID | MOUNT_ATTR_NODEV | MOUNT_ATTR_NOEXEC) < 0)
		return -1;
	char *rest = membership;
	for (char *line; (line = strsep(&rest, "\n"));) {
		char *controllers = strchr(line, ':');
		char *end = controllers ? strchr(controllers + 1, ':') : NULL;
		if (!end || end == controllers + 1 || strncmp(controllers + 1, "name=", 5) == 0)
			continue;
		*end = '\0';
		char path[256];
		snprintf(path, sizeof(path), "%s/%s", target, controllers + 1);
		if (mount_cgroup(start, path, "cgroup", controllers + 1, attributes) < 0)
			return -1;
	}
	return 0;
}

/* With the host's cgroup namespace and a user namespace the tree may not be mounted anew (it would show the host's root): bound. */
static int cgroup_mount_prepare(struct start *start, struct planned *planned)
{
	if (start->new_cgroup_ns || start->user_ns < 0)
		return 0;
	struct mount_attr attr = {.attr_set = MOUNT_ATTR_NOSUID | MOUNT_ATTR_NODEV | MOUNT_ATTR_NOEXEC | mount_attributes(planned->args[1])};
	if (host_clone(start, planned, "/sys/fs/cgroup", AT_RECURSIVE) < 0)
		return -1;
	if (mount_setattr(planned->fd, "", AT_EMPTY_PATH | AT_RECURSIVE, &attr, sizeof(attr)) < 0)
		return op_fail(&start->ctx, errno, "protect %s", planned->args[0]);
	return 0;
}

/* cgroup TARGET ro|rw: the container's own group as the root of what it sees */
static int cgroup_apply(struct start *start, struct planned *planned)
{
	char membership[8192];
	unsigned int attributes = MOUNT_ATTR_NOSUID | MOUNT_ATTR_NODEV | MOUNT_ATTR_NOEXEC | mount_attributes(planned->args[1]);
	if (planned->fd >= 0) {
		fd_auto int dir = open_in_root_strict(&start->ctx, start->root, planned->args[0], true);
		return dir < 0 ? -1 : attach_mount(start, planned->fd, dir, planned->args[0]);
	}
	if (read_file_at(AT_FDCWD, "/proc/thread-self/cgroup", membership, sizeof(membership)) < 0)
		return op_fail(&start->ctx, errno, "read /proc/thread-self/cgroup");
	return mount_hierarchies(start, planned->args[0], attributes, membership);
}

/* sysctl NAME VALUE, through the container's own procfs */
static int sysctl_apply(struct start *start, struct planned *planned)
{
	char path[512];
	snprintf(path, sizeof(path), "sys/%s", planned->args[0]);
	if (!strchr(planned->args[0], '/'))
		for (char *at = path; *at; at++)
			if (*at == '.')
				*at = '/';
	fd_auto int fd = open_how(start->proc, path, O_WRONLY, RESOLVE_BENEATH | RESOLVE_NO_SYMLINKS | RESOLVE_NO_MAGICLINKS);
	if (fd < 0 || write(fd, planned->args[1], strlen(planned->args[1])) < 0)
		return op_fail(&start->ctx, errno, "set sysctl %s to %s", planned->args[0], planned->args[1]);
	return 0;
}

static int hostname_apply(struct start *start, struct planned *planned)
{
	if (sethostname(planned->args[0], strlen(planned->args[0])) < 0)
		return op_fail(&start->ctx, errno, "set host name %s", planned->args[0]);
	return 0;
}

static int domainname_apply(struct start *start, struct planned *planned)
{
	if (setdomainname(planned->args[0], strlen(planned->args[0])) < 0)
		return op_fail(&start->ctx, errno, "set domain name %s", planned->args[0]);
	return 0;
}

static int rootfs_readonly_apply(struct start *start, struct planned *planned)
{
	(void)planned;
	struct mount_attr attr = {.attr_set = MOUNT_ATTR_RDONLY};
	if (mount_setattr(start->root, "", AT_EMPTY_PATH, &attr, sizeof(attr)) < 0)
		return op_fail(&start->ctx, errno, "make the root file system read-only");
	return 0;
}

/* pivot PROPAGATION: new root and old root change places at the same spot, and the old one is detached (pivot_root(2), NOTES) */
static int pivot_apply(struct start *start, struct planned *planned)
{
	if (fchdir(start->root) < 0 || syscall(SYS_pivot_root, ".", ".") < 0)
		return op_fail(&start->ctx, errno, "change to the new root");
	if (umount2(".", MNT_DETACH) < 0 || chdir("/") < 0)
		return op_fail(&start->ctx, errno, "leave the old root");
	unsigned long flags = strcmp(planned->args[0], "shared") == 0 ? MS_SHARED : strcmp(planned->args[0], "slave") == 0 ? MS_SLAVE : 0;
	if (flags && mount(NULL, "/", NULL, flags, NULL) < 0)
		return op_fail(&start->ctx, errno, "make the root %s", planned->args[0]);
	return 0;
}

const struct start_op rootfs_ops[] = {
	{.name = "propagation", .min_args = 1, .apply = propagation_apply},
	{.name = "overlay", .min_args = 3, .prepare = overlay_prepare, .apply = overlay_apply},
	{.name = "tree", .min_args = 1, .prepare = tree_prepare, .apply = overlay_apply},
	{.name = "fuse", .min_args = 4, .prepare = fuse_prepare, .apply = overlay_apply},
	{.name = "proc", .min_args = 1, .prepare = proc_prepare, .apply = proc_apply},
	{.name = "sysfs", .min_args = 2, .prepare = sysfs_prepare, .apply = sysfs_apply},
	{.name = "cgroup", .min_args = 2, .prepare = cgroup_mount_prepare, .apply = cgroup_apply},
	{.name = "tmpfs", .min_args = 3, .apply = tmpfs_apply},
	{.name = "devices", .min_args = 1, .apply = devices_apply},
	{.name = "devices.all", .min_args = 1, .apply = devices_all_apply},
	{.name = "device", .min_args = 2, .prepare = device_prepare, .apply = device_apply},
	{.name = "devpts", .min_args = 1, .apply = devpts_apply},
	{.name = "mqueue", .min_args = 1, .apply = mqueue_apply},
	{.name = "symlink", .min_args = 2, .apply = symlink_apply},
	{.name = "share", .min_args = 2, .prepare = share_prepare, .apply = share_apply},
	{.name = "bind", .min_args = 3, .prepare = bind_prepare, .apply = bind_apply},
	{.name = "mount", .min_args = 5, .prepare = mount_prepare, .apply = mount_apply},
	{.name = "image", .min_args = 3, .prepare = image_prepare, .apply = image_apply},
	{.name = "console", .min_args = 1, .apply = console_apply},
	{.name = "sysctl", .min_args = 2, .apply = sysctl_apply},
	{.name = "mask", .min_args = 1, .apply = mask_apply},
	{.name = "mask.cpus", .min_args = 2, .apply = mask_cpus_apply},
	{.name = "readonly", .min_args = 1, .apply = readonly_apply},
	{.name = "hostname", .min_args = 1, .apply = hostname_apply},
	{.name = "domainname", .min_args = 1, .apply = domainname_apply},
	{.name = "rootfs.readonly", .min_args = 0, .apply = rootfs_readonly_apply},
	{.name = "pivot", .min_args = 1, .apply = pivot_apply},
	{.name = NULL},
};
