/*
 * The container's root: an overlay of image layers, each cloned as a detached mount that shifts ids into the container's user
 * namespace. Everything stays detached, so nothing is mounted in the host's namespace.
 *
 * Linux 6.15 takes such detached mounts as layers by descriptor. Before, layers have names: a child process stages them on a
 * private tmpfs in a mount namespace of its own and sends the overlay back.
 */
#include <linux/securebits.h>
#include <sched.h>
#include <stdlib.h>
#include <sys/fsuid.h>
#include <sys/mount.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/wait.h>

#include "start.h"

/* A detached clone of the mount at `path`, with ids shifted when there is a user namespace. -1 after op_fail(). */
int clone_layer(struct start *start, const char *path)
{
	int tree = open_tree(AT_FDCWD, path, OPEN_TREE_CLONE | OPEN_TREE_CLOEXEC);
	if (tree < 0)
		return op_fail(&start->ctx, errno, "open %s", path);
	if (start->user_ns < 0)
		return tree;
	struct mount_attr attr = {.attr_set = MOUNT_ATTR_IDMAP, .userns_fd = (unsigned long long)start->user_ns};
	if (mount_setattr(tree, "", AT_EMPTY_PATH, &attr, sizeof(attr)) < 0) {
		op_fail(&start->ctx, errno, "the file system of %s cannot shift ids", path);
		close(tree);
		return -1;
	}
	return tree;
}

/*
 * overlayfs does its own work in upper and work as whoever mounted it. There, host root is nobody and the owner is the
 * container's root: so the mounter takes that one's file system id, and keeps the capabilities that would go with the change.
 */
static void write_as(const struct start *start, uid_t id)
{
	if (start->user_ns < 0)
		return;
	prctl(PR_SET_SECUREBITS, SECBIT_NO_SETUID_FIXUP, 0, 0, 0);
	setfsgid(id);
	setfsuid(id);
	prctl(PR_SET_SECUREBITS, 0, 0, 0, 0);
}

/* Folder of upper and work, which must lie in one mount. */
static int parent_of(struct start *start, const char *upper, const char *work, char *parent, size_t size)
{
	const char *slash = strrchr(upper, '/');
	size_t length = slash ? (size_t)(slash - upper) : 0;
	if (length == 0 || length >= size || strncmp(upper, work, length + 1) != 0 || strchr(work + length + 1, '/'))
		return op_fail(&start->ctx, EINVAL, "%s and %s must lie in the same folder", upper, work);
	memcpy(parent, upper, length);
	parent[length] = '\0';
	return 0;
}

static const char *last_component(const char *path)
{
	return strrchr(path, '/') + 1;
}

/* Mount attributes of the root: in a user namespace nothing needs device nodes of the image. */
unsigned int root_attributes(const struct start *start)
{
	return start->user_ns >= 0 ? MOUNT_ATTR_NODEV : 0;
}

static int add_writable(struct start *start, int fs, int container, const char *key, const char *path)
{
	fd_auto int dir = openat(container, last_component(path), O_PATH | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
	if (dir < 0)
		return op_fail(&start->ctx, errno, "open %s", path);
	return fsconfig(fs, FSCONFIG_SET_FD, key, NULL, dir) < 0 ? -1 : 0;
}

/* -1 with ctx.failed for a real failure; -1 without it when this kernel cannot do it this way. */
static int by_descriptor(struct start *start, struct planned *planned)
{
	char parent[4096];
	if (parent_of(start, planned->args[0], planned->args[1], parent, sizeof(parent)) < 0)
		return -1;
	fd_auto int fs = fsopen("overlay", FSOPEN_CLOEXEC);
	if (fs < 0)
		return op_fail(&start->ctx, errno, "open file system overlay");
	/* A detached mount ends with its descriptor, so they stay open until the overlay has taken them; exec or exit closes them. */
	for (int i = 2; i < planned->n; i++) {
		int layer = clone_layer(start, planned->args[i]);
		if (layer < 0 || fsconfig(fs, FSCONFIG_SET_FD, "lowerdir+", NULL, layer) < 0)
			return -1;
	}
	fd_auto int container = clone_layer(start, parent);
	if (container < 0 || add_writable(start, fs, container, "upperdir", planned->args[0]) < 0 ||
	    add_writable(start, fs, container, "workdir", planned->args[1]) < 0)
		return -1;
	write_as(start, (uid_t)start->id_base);
	int created = fsconfig(fs, FSCONFIG_CMD_CREATE, NULL, NULL, 0);
	write_as(start, 0);
	if (created < 0)
		return -1;
	planned->fd = fsmount(fs, FSMOUNT_CLOEXEC, root_attributes(start));
	return planned->fd < 0 ? op_fail(&start->ctx, errno, "mount the overlay") : 0;
}

static int place(struct start *start, int tree, const char *name)
{
	if (mkdir(name, 0700) < 0 || move_mount(tree, "", AT_FDCWD, name, MOVE_MOUNT_F_EMPTY_PATH) < 0)
		return op_fail(&start->ctx, errno, "stage layer %s", name);
	return 0;
}

int unshare_mounts(struct start *start)
{
	if (unshare(CLONE_NEWNS) < 0 || mount(NULL, "/", NULL, MS_REC | MS_SLAVE, NULL) < 0)
		return op_fail(&start->ctx, errno, "make a mount namespace");
	return 0;
}

/* In a mount namespace of its own, in a tmpfs: one- to three-letter names keep many layers below mount's 4096 bytes. */
static int stage(struct start *start, struct planned *planned)
{
	char parent[4096];
	char options[4096];
	struct buf text = {.data = options, .capacity = sizeof(options) - 1};
	if (unshare_mounts(start) < 0)
		return -1;
	if (parent_of(start, planned->args[0], planned->args[1], parent, sizeof(parent)) < 0)
		return -1;
	fd_auto int container = clone_layer(start, parent);
	if (container < 0)
		return -1;
	int layers[512];
	if (planned->n - 2 > (int)ARRAY_SIZE(layers))
		return op_fail(&start->ctx, E2BIG, "%d layers", planned->n - 2);
	for (int i = 2; i < planned->n; i++)
		if ((layers[i - 2] = clone_layer(start, planned->args[i])) < 0)
			return -1;
	/* The monitor's folder is there for sure; only this process sees the tmpfs on it. */
	if (mount("tmpfs", start->monitor->dir, "tmpfs", 0, "size=256k,mode=700") < 0 || chdir(start->monitor->dir) < 0)
		return op_fail(&start->ctx, errno, "make a staging folder");
	buf_text(&text, "lowerdir=");
	for (int i = 2; i < planned->n; i++) {
		char name[8];
		snprintf(name, sizeof(name), "%d", i - 2);
		if (place(start, layers[i - 2], name) < 0)
			return -1;
		buf_format(&text, "%s%s", i > 2 ? ":" : "", name);
	}
	if (place(start, container, "c") < 0 || mkdir("m", 0755) < 0)
		return op_fail(&start->ctx, errno, "stage the container's folder");
	buf_format(&text, ",upperdir=c/%s,workdir=c/%s", last_component(planned->args[0]), last_component(planned->args[1]));
	options[text.length] = '\0';
	write_as(start, (uid_t)start->id_base);
	if (text.truncated || mount("overlay", "m", "overlay", root_attributes(start) ? MS_NODEV : 0, options) < 0)
		return op_fail(&start->ctx, text.truncated ? E2BIG : errno, "mount an overlay of %d layers", planned->n - 2);
	planned->fd = open_tree(AT_FDCWD, "m", OPEN_TREE_CLONE | OPEN_TREE_CLOEXEC);
	return planned->fd < 0 ? op_fail(&start->ctx, errno, "detach the overlay") : 0;
}

int send_fd(int socket, int fd)
{
	union {
		struct cmsghdr header;
		char space[CMSG_SPACE(sizeof(int))];
	} control = {0};
	char byte = 0;
	struct iovec data = {.iov_base = &byte, .iov_len = 1};
	struct msghdr message = {.msg_iov = &data, .msg_iovlen = 1, .msg_control = &control, .msg_controllen = sizeof(control)};
	struct cmsghdr *header = CMSG_FIRSTHDR(&message);
	header->cmsg_level = SOL_SOCKET;
	header->cmsg_type = SCM_RIGHTS;
	header->cmsg_len = CMSG_LEN(sizeof(int));
	memcpy(CMSG_DATA(header), &fd, sizeof(int));
	return sendmsg(socket, &message, MSG_NOSIGNAL) < 0 ? -1 : 0;
}

int receive_fd(int socket)
{
	union {
		struct cmsghdr header;
		char space[CMSG_SPACE(sizeof(int))];
	} control = {0};
	char byte;
	struct iovec data = {.iov_base = &byte, .iov_len = 1};
	struct msghdr message = {.msg_iov = &data, .msg_iovlen = 1, .msg_control = &control, .msg_controllen = sizeof(control)};
	if (recvmsg(socket, &message, MSG_DONTWAIT | MSG_CMSG_CLOEXEC) < 0)
		return -1;
	struct cmsghdr *header = CMSG_FIRSTHDR(&message);
	int fd = -1;
	if (header && header->cmsg_type == SCM_RIGHTS)
		memcpy(&fd, CMSG_DATA(header), sizeof(int));
	return fd;
}

int made_by_child(struct start *start, struct planned *planned, int (*make)(struct start *start, struct planned *planned))
{
	int pair[2];
	if (socketpair(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC, 0, pair) < 0)
		return op_fail(&start->ctx, errno, "make a socket pair");
	pid_t child = fork();
	if (child == 0) {
		if (make(start, planned) < 0) {
			/* The failure crosses in the shared page; the parent's own ctx stays clean. */
			start->shared->err = start->ctx.err;
			memcpy(start->shared->text, start->ctx.text, sizeof(start->shared->text));
			_exit(1);
		}
		_exit(send_fd(pair[1], planned->fd) < 0);
	}
	int status = 1;
	if (child > 0)
		waitpid(child, &status, 0);
	planned->fd = status == 0 ? receive_fd(pair[0]) : -1;
	close(pair[0]);
	close(pair[1]);
	return planned->fd < 0 ? op_fail(&start->ctx, start->shared->err, "%s", start->shared->text) : 0;
}

/* overlay UPPER WORK LOWER…, topmost layer first */
int overlay_prepare(struct start *start, struct planned *planned)
{
	if (by_descriptor(start, planned) == 0)
		return 0;
	return start->ctx.failed ? -1 : made_by_child(start, planned, stage);
}

/* tree FOLDER: the container's files are one folder of its own, with all of its layers in it (vfs, btrfs) */
int tree_prepare(struct start *start, struct planned *planned)
{
	fd_auto int tree = clone_layer(start, planned->args[0]);
	if (tree < 0 || make_private(&start->ctx, tree, planned->args[0]) < 0)
		return -1;
	struct mount_attr attr = {.attr_set = root_attributes(start)};
	if (mount_setattr(tree, "", AT_EMPTY_PATH, &attr, sizeof(attr)) < 0)
		return op_fail(&start->ctx, errno, "set mount attributes of %s", planned->args[0]);
	planned->fd = steal_fd(&tree);
	return 0;
}
