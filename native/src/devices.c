/* /dev, terminals, and what covers or locks parts of /proc and /sys. */
#include <dirent.h>
#include <linux/openat2.h>
#include <sched.h>
#include <sys/ioctl.h>
#include <sys/mount.h>
#include <sys/stat.h>
#include <sys/statfs.h>
#include <sys/syscall.h>
#include <sys/sysmacros.h>
#include <termios.h>

#include "start.h"

/* An empty file to mount on. */
static int make_file(struct start *start, int dir, const char *name)
{
	int fd = openat(dir, name, O_CREAT | O_WRONLY | O_NOFOLLOW | O_CLOEXEC, 0644);
	return fd < 0 ? op_fail(&start->ctx, errno, "make /dev/%s", name) : fd;
}

/* A detached bind of one of the host's device nodes; before pivot_root its path is still the host's. */
static int clone_node(struct start *start, const char *path)
{
	struct stat st;
	fd_auto int node = open_tree(AT_FDCWD, path, OPEN_TREE_CLONE | OPEN_TREE_CLOEXEC);
	if (node < 0 || fstat(node, &st) < 0)
		return op_fail(&start->ctx, errno, "open the host's %s", path);
	if (!S_ISCHR(st.st_mode) && !S_ISBLK(st.st_mode))
		return op_fail(&start->ctx, ENODEV, "%s is not a device", path);
	return steal_fd(&node);
}

/* devices DIR NAME…: a user namespace may not make nodes, so the host's are bound */
int devices_apply(struct start *start, struct planned *planned)
{
	for (int i = 1; i < planned->n; i++) {
		char path[280];
		snprintf(path, sizeof(path), "/dev/%.256s", planned->args[i]);
		fd_auto int node = clone_node(start, path);
		if (node < 0)
			return -1;
		fd_auto int target = make_file(start, start->dev, planned->args[i]);
		if (target < 0 || attach_mount(start, node, target, path) < 0)
			return -1;
	}
	return 0;
}

/* What of the host's /dev is the container's own, or no device: file systems that are mounted there. */
static bool is_own_folder(const char *name)
{
	static const char *const names[] = {"fd", "mqueue", "pts", "shm"};
	for (size_t i = 0; i < ARRAY_SIZE(names); i++)
		if (strcmp(name, names[i]) == 0)
			return true;
	return name[0] == '.';
}

static int copy_nodes(struct start *start, const char *from, int to, int depth)
{
	DIR *dir = opendir(from);
	if (!dir)
		return 0;
	int failed = 0;
	for (struct dirent *entry; !failed && (entry = readdir(dir));) {
		struct stat st;
		if (is_own_folder(entry->d_name) || fstatat(dirfd(dir), entry->d_name, &st, AT_SYMLINK_NOFOLLOW) < 0)
			continue;
		char path[600];
		if (snprintf(path, sizeof(path), "%s/%s", from, entry->d_name) >= (int)sizeof(path))
			continue;
		if (S_ISDIR(st.st_mode) && depth < 8) {
			mkdirat(to, entry->d_name, 0755);
			fd_auto int below = openat(to, entry->d_name, O_PATH | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
			failed = below >= 0 && copy_nodes(start, path, below, depth + 1) < 0;
		}
		if (!S_ISCHR(st.st_mode) && !S_ISBLK(st.st_mode))
			continue;
		fd_auto int node = clone_node(start, path);
		fd_auto int target = node < 0 ? -1 : make_file(start, to, entry->d_name);
		failed = target < 0 || attach_mount(start, node, target, path) < 0;
	}
	closedir(dir);
	return failed ? -1 : 0;
}

/* devices.all DIR: every node in the host's /dev and its folders, for privileged containers */
int devices_all_apply(struct start *start, struct planned *planned)
{
	(void)planned;
	return copy_nodes(start, "/dev", start->dev, 0);
}

/*
 * In a child, in a mount namespace of its own: the same device on a tmpfs that is the host's (nodes of a user namespace's cannot be
 * opened), with owners shifted into the container's ids. A bind of the host's own node would be nobody's there.
 */
static int shift_node(struct start *start, struct planned *planned)
{
	struct stat st;
	const char *path = planned->args[0];
	if (stat(path, &st) < 0)
		return op_fail(&start->ctx, errno, "open the host's %s", path);
	if (!S_ISCHR(st.st_mode) && !S_ISBLK(st.st_mode))
		return op_fail(&start->ctx, ENODEV, "%s is not a device", path);
	uid_t uid = (uid_t)start->id_base + (st.st_uid < 65536 ? st.st_uid : 0);
	gid_t gid = (gid_t)start->id_base + (st.st_gid < 65536 ? st.st_gid : 0);
	if (unshare(CLONE_NEWNS) < 0 || mount(NULL, "/", NULL, MS_REC | MS_SLAVE, NULL) < 0 ||
	    mount("tmpfs", start->monitor->dir, "tmpfs", MS_NOSUID | MS_NOEXEC, "size=4k,mode=700") < 0 || chdir(start->monitor->dir) < 0)
		return op_fail(&start->ctx, errno, "make a staging folder");
	if (mknod("d", st.st_mode, st.st_rdev) < 0 || chown("d", uid, gid) < 0 || chmod("d", st.st_mode & 07777) < 0)
		return op_fail(&start->ctx, errno, "make device %s", path);
	planned->fd = open_tree(AT_FDCWD, "d", OPEN_TREE_CLONE | OPEN_TREE_CLOEXEC);
	return planned->fd < 0 ? op_fail(&start->ctx, errno, "clone device %s", path) : 0;
}

/* device HOSTPATH PATH: made by host root, as the container's root may not reach the node's folder */
int device_prepare(struct start *start, struct planned *planned)
{
	if (start->user_ns >= 0)
		return made_by_child(start, planned, shift_node);
	planned->fd = clone_node(start, planned->args[0]);
	return planned->fd < 0 ? -1 : make_private(&start->ctx, planned->fd, planned->args[0]);
}

int device_apply(struct start *start, struct planned *planned)
{
	fd_auto int target = open_in_root(&start->ctx, start->root, planned->args[1], true, TARGET_FILE);
	return target < 0 ? -1 : attach_mount(start, planned->fd, target, planned->args[1]);
}

/* devpts TARGET: an instance of its own; gid 5 is tty, by mode 620 a terminal takes messages from programs of that group only */
int devpts_apply(struct start *start, struct planned *planned)
{
	fd_auto int target = open_in_root_strict(&start->ctx, start->root, planned->args[0], true);
	if (target < 0)
		return -1;
	int made = new_mount(&start->ctx, "devpts", "newinstance,ptmxmode=0666,mode=0620,gid=5", MOUNT_ATTR_NOSUID | MOUNT_ATTR_NOEXEC);
	if (made < 0 || attach_mount(start, made, target, planned->args[0]) < 0)
		return -1;
	start->devpts = made;
	return 0;
}

/* The multiplexer of the container's devpts. An exec looks it up in a tree the container could have changed: so it is checked. */
int open_multiplexer(struct start *start)
{
	struct open_how how = {.flags = O_RDWR | O_NOCTTY | O_CLOEXEC, .resolve = RESOLVE_NO_SYMLINKS | RESOLVE_NO_MAGICLINKS};
	int at = start->devpts >= 0 ? start->devpts : AT_FDCWD;
	fd_auto int master = (int)syscall(SYS_openat2, at, start->devpts >= 0 ? "ptmx" : "/dev/pts/ptmx", &how, sizeof(how));
	struct stat st;
	struct statfs fs;
	if (master < 0 || fstat(master, &st) < 0 || fstatfs(master, &fs) < 0)
		return op_fail(&start->ctx, errno, "open /dev/pts/ptmx");
	if (fs.f_type != DEVPTS_MAGIC || !S_ISCHR(st.st_mode) || st.st_rdev != makedev(5, 2))
		return op_fail(&start->ctx, EINVAL, "/dev/pts/ptmx is not a terminal multiplexer");
	return steal_fd(&master);
}

/* console [PATH]: a pty of the container's own; with a path (a start) its slave is mounted there, by descriptor (CVE-2025-52565) */
int console_apply(struct start *start, struct planned *planned)
{
	struct monitor *monitor = start->monitor;
	struct winsize size = {.ws_col = monitor->columns, .ws_row = monitor->rows};
	int unlock = 0;
	fd_auto int master = open_multiplexer(start);
	if (master < 0)
		return -1;
	if (ioctl(master, TIOCSPTLCK, &unlock) < 0 || ioctl(master, TIOCSWINSZ, &size) < 0)
		return op_fail(&start->ctx, errno, "set up the terminal");
	start->tty_slave = ioctl(master, TIOCGPTPEER, O_RDWR | O_NOCTTY | O_CLOEXEC);
	if (start->tty_slave < 0)
		return op_fail(&start->ctx, errno, "open the terminal");
	if (send_fd(start->pty_socket[1], master) < 0)
		return op_fail(&start->ctx, errno, "hand over the terminal");
	if (planned->n == 0)
		return 0;
	fd_auto int target = make_file(start, start->dev, "console");
	fd_auto int tree = target < 0 ? -1 : open_tree(start->tty_slave, "", AT_EMPTY_PATH | OPEN_TREE_CLONE | OPEN_TREE_CLOEXEC);
	if (target < 0 || tree < 0)
		return op_fail(&start->ctx, errno, "clone the terminal");
	return attach_mount(start, tree, target, "/dev/console");
}

/* /dev/null by this process's own eyes: character device 1:3 (CVE-2025-31133). Bound again for each mask. */
static int null_clone(struct start *start)
{
	struct stat st;
	fd_auto int node = clone_node(start, "/dev/null");
	if (node < 0 || fstat(node, &st) < 0 || st.st_rdev != makedev(1, 3))
		return op_fail(&start->ctx, EINVAL, "/dev/null is not the null device");
	return steal_fd(&node);
}

/* An empty read-only tmpfs: made once, then cloned from where it lies. */
static int empty_clone(struct start *start)
{
	if (start->empty_dir >= 0) {
		int again = open_tree(start->empty_dir, "", AT_EMPTY_PATH | OPEN_TREE_CLONE | OPEN_TREE_CLOEXEC);
		return again < 0 ? op_fail(&start->ctx, errno, "clone an empty folder") : again;
	}
	start->empty_dir = new_mount(&start->ctx, "tmpfs", "size=4k,mode=555", MOUNT_ATTR_RDONLY | MOUNT_ATTR_NOSUID | MOUNT_ATTR_NODEV | MOUNT_ATTR_NOEXEC);
	return start->empty_dir < 0 ? -1 : fcntl(start->empty_dir, F_DUPFD_CLOEXEC, 3);
}

static int mask_one(struct start *start, const char *path)
{
	struct open_how how = {.flags = O_PATH | O_CLOEXEC, .resolve = RESOLVE_IN_ROOT | RESOLVE_NO_MAGICLINKS | RESOLVE_NO_SYMLINKS};
	struct stat st;
	fd_auto int target = (int)syscall(SYS_openat2, start->root, path, &how, sizeof(how));
	if (target < 0 && (errno == ENOENT || errno == ENOTDIR))
		return 0; /* this kernel does not have it */
	if (target < 0 || fstat(target, &st) < 0)
		return op_fail(&start->ctx, errno, "open %s", path);
	fd_auto int cover = S_ISDIR(st.st_mode) ? empty_clone(start) : null_clone(start);
	return cover < 0 ? -1 : attach_mount(start, cover, target, path);
}

/* mask PATH… */
int mask_apply(struct start *start, struct planned *planned)
{
	for (int i = 0; i < planned->n; i++)
		if (mask_one(start, planned->args[i]) < 0)
			return -1;
	return 0;
}

/* mask.cpus DIR NAME: DIR/cpuN/NAME of every cpu */
int mask_cpus_apply(struct start *start, struct planned *planned)
{
	for (int cpu = 0; cpu < 65536; cpu++) {
		char path[512];
		struct open_how how = {.flags = O_PATH | O_CLOEXEC, .resolve = RESOLVE_IN_ROOT | RESOLVE_NO_MAGICLINKS};
		snprintf(path, sizeof(path), "%.400s/cpu%d", planned->args[0], cpu);
		fd_auto int folder = (int)syscall(SYS_openat2, start->root, path, &how, sizeof(how));
		if (folder < 0)
			return 0;
		snprintf(path, sizeof(path), "%.400s/cpu%d/%.64s", planned->args[0], cpu, planned->args[1]);
		if (mask_one(start, path) < 0)
			return -1;
	}
	return 0;
}

/* readonly PATH… */
int readonly_apply(struct start *start, struct planned *planned)
{
	for (int i = 0; i < planned->n; i++) {
		const char *path = planned->args[i];
		struct open_how how = {.flags = O_PATH | O_CLOEXEC, .resolve = RESOLVE_IN_ROOT | RESOLVE_NO_MAGICLINKS | RESOLVE_NO_SYMLINKS};
		struct mount_attr attr = {.attr_set = MOUNT_ATTR_RDONLY | MOUNT_ATTR_NOSUID | MOUNT_ATTR_NODEV | MOUNT_ATTR_NOEXEC};
		fd_auto int target = (int)syscall(SYS_openat2, start->root, path, &how, sizeof(how));
		if (target < 0 && errno == ENOENT)
			continue;
		fd_auto int tree = target < 0 ? -1 : open_tree(target, "", AT_EMPTY_PATH | AT_RECURSIVE | OPEN_TREE_CLONE | OPEN_TREE_CLOEXEC);
		if (tree < 0 || mount_setattr(tree, "", AT_EMPTY_PATH | AT_RECURSIVE, &attr, sizeof(attr)) < 0)
			return op_fail(&start->ctx, errno, "make %s read-only", path);
		if (attach_mount(start, tree, target, path) < 0)
			return -1;
	}
	return 0;
}

static int open_null(struct start *start)
{
	struct stat st;
	fd_auto int fd = open("/dev/null", O_RDWR | O_NOCTTY | O_NOFOLLOW | O_CLOEXEC);
	if (fd < 0 || fstat(fd, &st) < 0 || !S_ISCHR(st.st_mode) || st.st_rdev != makedev(1, 3))
		return op_fail(&start->ctx, ENODEV, "/dev/null of the container is not the null device");
	return steal_fd(&fd);
}

int use_stdio(struct start *start)
{
	if (start->monitor->tty) {
		for (int fd = 0; fd < 3; fd++)
			if (dup2(start->tty_slave, fd) < 0)
				return op_fail(&start->ctx, errno, "use the terminal");
		return ioctl(0, TIOCSCTTY, 0) < 0 ? op_fail(&start->ctx, errno, "make the terminal the controlling one") : 0;
	}
	fd_auto int null = start->child_stdin >= 0 ? -1 : open_null(start);
	int in = start->child_stdin >= 0 ? start->child_stdin : null;
	if (in < 0)
		return -1;
	if (dup2(in, 0) < 0 || dup2(start->child_stdout, 1) < 0 || dup2(start->child_stderr, 2) < 0)
		return op_fail(&start->ctx, errno, "use the standard streams");
	return 0;
}
