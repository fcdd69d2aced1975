/* Where gantry-archive works: a running container's own namespaces, its layers put together anew, or a plain folder. */
#include "archive_tool.h"

#include <err.h>
#include <errno.h>
#include <fcntl.h>
#include <grp.h>
#include <linux/openat2.h>
#include <sched.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mount.h>
#include <sys/syscall.h>
#include <unistd.h>

#define SAFE (MS_NOSUID | MS_NODEV | MS_NOEXEC)

/* Field 22 of /proc/PID/stat; 0 when the process is gone. */
static unsigned long long start_ticks(const char *pid)
{
	char path[64], text[1024];
	snprintf(path, sizeof path, "/proc/%s/stat", pid);
	int fd = open(path, O_RDONLY | O_CLOEXEC);
	ssize_t n = fd < 0 ? -1 : read(fd, text, sizeof text - 1);
	if (fd >= 0)
		close(fd);
	if (n <= 0)
		return 0;
	text[n] = '\0';
	unsigned long long ticks = 0;
	char *at = strrchr(text, ')'); /* the name may hold anything */
	for (int field = 3; at && field <= 22; field++)
		at = strchr(at + 1, ' ');
	if (at)
		ticks = strtoull(at + 1, NULL, 10);
	return ticks;
}

/* What it writes counts against the container, and it ends with the container. */
static void enter_group(const char *procs)
{
	int fd = open(procs, O_WRONLY | O_CLOEXEC);
	if (fd < 0 || write(fd, "0", 1) != 1)
		fail(KIND_GONE, "enter cgroup", errno, "the container has ended");
	close(fd);
}

static int view_process(int argc, char **argv, int *root)
{
	int groups = argc > 3 ? atoi(argv[3]) : -1;
	if (groups < 0 || argc < 4 + groups)
		errx(2, "process PID STARTTICKS COUNT PROCSFILE…");
	int pidfd = (int)syscall(SYS_pidfd_open, (pid_t)parse_number(argv[1]), 0);
	/* The descriptor names one process for ever; the start time says that it is the container's. */
	if (pidfd < 0 || start_ticks(argv[1]) != parse_number(argv[2]))
		fail(KIND_GONE, "find process", 0, "the container has ended");
	char path[64];
	struct stat own, theirs;
	snprintf(path, sizeof path, "/proc/%s/ns/user", argv[1]);
	if (stat("/proc/self/ns/user", &own) < 0 || stat(path, &theirs) < 0)
		fail(KIND_GONE, "find namespaces", 0, "the container has ended");
	bool user = own.st_ino != theirs.st_ino;
	for (int i = 0; i < groups; i++)
		enter_group(argv[4 + i]);
	if (unshare(CLONE_NEWNET | CLONE_NEWIPC) < 0)
		fail(KIND_IO, "unshare", errno, "cannot make namespaces of its own");
	/* Root and working folder become those of the mount namespace (setns(2)). */
	if (setns(pidfd, CLONE_NEWNS | (user ? CLONE_NEWUSER : 0)) < 0)
		fail(errno == ESRCH ? KIND_GONE : KIND_IO, "setns", errno, "cannot enter the container");
	close(pidfd);
	if (user && (setgroups(0, NULL) < 0 || setresgid(0, 0, 0) < 0 || setresuid(0, 0, 0) < 0))
		fail(KIND_IO, "setuid", errno, "cannot become the container's root");
	*root = open("/", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	if (*root < 0)
		fail(KIND_IO, "open root", errno, "cannot open the container's root");
	return 4 + groups;
}

static int clone_mount(const char *path, bool strict, bool recursive)
{
	struct open_how how = {.flags = O_PATH | O_CLOEXEC, .resolve = RESOLVE_NO_MAGICLINKS | (strict ? RESOLVE_NO_SYMLINKS : 0)};
	int from = (int)syscall(SYS_openat2, AT_FDCWD, path, &how, sizeof how);
	unsigned int flags = AT_EMPTY_PATH | OPEN_TREE_CLONE | OPEN_TREE_CLOEXEC | (recursive ? AT_RECURSIVE : 0);
	int tree = from < 0 ? -1 : open_tree(from, "", flags);
	if (tree < 0)
		fail(KIND_IO, "clone mount", errno, "cannot open %s", path);
	close(from);
	return tree;
}

static void place(int tree, const char *name)
{
	if (mkdir(name, 0700) < 0 || move_mount(tree, "", AT_FDCWD, name, MOVE_MOUNT_F_EMPTY_PATH) < 0)
		fail(KIND_IO, "place layer", errno, "cannot put the layers together");
	close(tree);
}

/* Folder that upper and work lie in, as one mount of both. */
static int clone_container(const char *upper)
{
	char parent[UNPACK_PATH_MAX];
	const char *slash = strrchr(upper, '/');
	if (!slash || slash == upper || (size_t)(slash - upper) >= sizeof parent)
		errx(2, "%s is not below a folder", upper);
	snprintf(parent, sizeof parent, "%.*s", (int)(slash - upper), upper);
	return clone_mount(parent, true, false);
}

static const char *last(const char *path)
{
	return strrchr(path, '/') + 1;
}

/* In place of the folder for overlayfs's work: UPPER has everything in it. */
static bool is_tree(const char *work)
{
	return strcmp(work, "tree-ro") == 0 || strcmp(work, "tree-rw") == 0;
}

static void mount_tree(const char *scratch, const char *folder)
{
	int tree = clone_mount(folder, true, false);
	struct mount_attr attr = {.attr_set = MOUNT_ATTR_NOSUID | MOUNT_ATTR_NODEV | MOUNT_ATTR_NOEXEC, .propagation = MS_PRIVATE};
	if (mount_setattr(tree, "", AT_EMPTY_PATH, &attr, sizeof attr) < 0)
		fail(KIND_IO, "restrict mount", errno, "cannot restrict the mount of %s", folder);
	if (mount("tmpfs", scratch, "tmpfs", SAFE, "size=1m,mode=700") < 0 || chdir(scratch) < 0)
		fail(KIND_IO, "mount tmpfs", errno, "cannot prepare %s", scratch);
	place(tree, "m");
}

/* Everything gets a short name on a tmpfs, so that any number of layers fits into mount's page of options. */
static void mount_layers(const char *scratch, const char *upper, const char *work, char **lowers, int count)
{
	bool has_upper = strcmp(upper, "-") != 0, writable = strcmp(work, "-") != 0;
	if (is_tree(work)) {
		mount_tree(scratch, upper);
		return;
	}
	int *trees = calloc((size_t)count + 1, sizeof *trees);
	int container = has_upper ? clone_container(upper) : -1;
	if (!trees)
		fail(KIND_IO, "memory", ENOMEM, "cannot put the layers together");
	for (int i = 0; i < count; i++)
		trees[i] = clone_mount(lowers[i], true, false);
	if (mount("tmpfs", scratch, "tmpfs", SAFE, "size=1m,mode=700") < 0 || chdir(scratch) < 0 || mkdir("e", 0755) < 0 || mkdir("m", 0755) < 0 ||
	    mkdir("u", 0755) < 0 || mkdir("w", 0755) < 0)
		fail(KIND_IO, "mount tmpfs", errno, "cannot prepare %s", scratch);
	char options[4096] = "lowerdir=";
	size_t at = strlen(options);
	if (has_upper)
		place(container, "c");
	if (has_upper && !writable)
		at += (size_t)snprintf(options + at, sizeof options - at, "c/%s:", last(upper));
	for (int i = 0; i < count && at < sizeof options - 512; i++) {
		char name[16];
		snprintf(name, sizeof name, "%x", (unsigned)i + 0x10);
		place(trees[i], name);
		at += (size_t)snprintf(options + at, sizeof options - at, "%s:", name);
	}
	free(trees);
	if (at >= sizeof options - 512)
		fail(KIND_LIMIT, "mount overlay", 0, "more layers than one mount can take");
	/* An image from scratch has no layer at all, and overlayfs wants one. */
	at += (size_t)snprintf(options + at, sizeof options - at, "e");
	if (writable)
		snprintf(options + at, sizeof options - at, ",upperdir=c/%s,workdir=c/%s", last(upper), last(work));
	else
		snprintf(options + at, sizeof options - at, ",upperdir=u,workdir=w"); /* for mount points that are missing */
	if (mount("overlay", "m", "overlay", SAFE, options) < 0)
		fail(KIND_IO, "mount overlay", errno, "cannot put the layers together");
}

/* The mount point `target`, made with what is missing above it, as a start would. */
static int mount_point(int root, const char *target, bool folder)
{
	const char *path = path_resolve(root, target);
	int fd = path_open(root, path, O_PATH);
	for (const char *at = path; fd < 0 && *at;) {
		char above[UNPACK_PATH_MAX];
		const char *part = at + strspn(at, "/");
		const char *end = part + strcspn(part, "/");
		char name[256];
		snprintf(above, sizeof above, "%.*s", (int)(part - path), path);
		snprintf(name, sizeof name, "%.*s", (int)(end - part), part);
		int parent = path_open(root, above, O_RDONLY | O_DIRECTORY);
		if (parent < 0)
			break;
		if (*end || folder)
			mkdirat(parent, name, 0755);
		else
			close(openat(parent, name, O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC, 0644));
		close(parent);
		at = end;
	}
	return fd < 0 ? path_open(root, path, O_PATH) : fd;
}

static void mount_at(int root, const char *source, const char *target, const char *flags)
{
	int tree = clone_mount(source, strstr(flags, "strict") != NULL, strstr(flags, "rec") != NULL);
	struct mount_attr attr = {.attr_set = MOUNT_ATTR_NOSUID | MOUNT_ATTR_NODEV | MOUNT_ATTR_NOEXEC, .propagation = MS_PRIVATE};
	struct stat st;
	if (strstr(flags, "ro"))
		attr.attr_set |= MOUNT_ATTR_RDONLY;
	if (fstat(tree, &st) < 0 || mount_setattr(tree, "", AT_EMPTY_PATH | AT_RECURSIVE, &attr, sizeof attr) < 0)
		fail(KIND_IO, "restrict mount", errno, "cannot restrict the mount of %s", source);
	int at = mount_point(root, target, S_ISDIR(st.st_mode));
	if (at < 0 || move_mount(tree, "", at, "", MOVE_MOUNT_F_EMPTY_PATH | MOVE_MOUNT_T_EMPTY_PATH) < 0)
		fail(KIND_IO, "mount", errno, "cannot mount %s", target);
	close(at);
	close(tree);
}

/* pivot_root(".", "."): the old root comes to lie over the new one and is detached (pivot_root(2), NOTES). */
static int make_root(const char *path)
{
	int root = open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	if (root < 0 || fchdir(root) < 0 || syscall(SYS_pivot_root, ".", ".") < 0 || umount2(".", MNT_DETACH) < 0 || chdir("/") < 0)
		fail(KIND_IO, "pivot_root", errno, "cannot make %s the root", path);
	return root;
}

static int view_stack(int argc, char **argv, int *root)
{
	int layers = argc > 4 ? atoi(argv[4]) : -1;
	if (layers < 0 || argc < 6 + layers)
		errx(2, "stack SCRATCH UPPER WORK COUNT LOWER… COUNT (SOURCE TARGET FLAGS)…");
	int mounts = atoi(argv[5 + layers]);
	char **mount_args = argv + 6 + layers;
	if (mounts < 0 || argc < 6 + layers + 3 * mounts)
		errx(2, "too few mounts");
	sandbox_namespace();
	mount_layers(argv[1], argv[2], argv[3], argv + 5, layers);
	int tree = open("m", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	for (int i = 0; i < mounts; i++)
		mount_at(tree, mount_args[3 * i], mount_args[3 * i + 1], mount_args[3 * i + 2]);
	close(tree);
	struct mount_attr attr = {.attr_set = MOUNT_ATTR_RDONLY};
	bool read_only = strcmp(argv[3], "-") == 0 || strcmp(argv[3], "tree-ro") == 0;
	if (read_only && mount_setattr(AT_FDCWD, "m", 0, &attr, sizeof attr) < 0)
		fail(KIND_IO, "restrict mount", errno, "cannot make the layers read-only");
	*root = make_root("m");
	return 6 + layers + 3 * mounts;
}

static int view_folder(int argc, char **argv, int *root)
{
	if (argc < 3)
		errx(2, "folder PATH ro|rw");
	sandbox_namespace();
	unsigned long access = strcmp(argv[2], "rw") == 0 ? 0 : MS_RDONLY;
	if (mount(argv[1], argv[1], NULL, MS_BIND, NULL) < 0 || mount(NULL, argv[1], NULL, MS_REMOUNT | MS_BIND | SAFE | access, NULL) < 0)
		fail(KIND_IO, "bind", errno, "cannot bind %s", argv[1]);
	*root = make_root(argv[1]);
	return 3;
}

int view_enter(int argc, char **argv, int *root)
{
	if (argc > 0 && strcmp(argv[0], "process") == 0)
		return view_process(argc, argv, root);
	if (argc > 0 && strcmp(argv[0], "stack") == 0)
		return view_stack(argc, argv, root);
	if (argc > 0 && strcmp(argv[0], "folder") == 0)
		return view_folder(argc, argv, root);
	errx(2, "usage: gantry-archive process|stack|folder … (see archive.h)");
}
