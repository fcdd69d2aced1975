/* File systems that volumes and images bring: made by host root, attached in the container. */
#include <linux/openat2.h>
#include <sys/mount.h>
#include <sys/stat.h>
#include <sys/syscall.h>

#include "start.h"

/* A detached mount of `type` from `device`, which may be '-' for none. -1 after op_fail(). */
static int mount_device(struct op_ctx *ctx, const char *type, const char *device, const char *flags, const char *options)
{
	fd_auto int fs = fsopen(type, FSOPEN_CLOEXEC);
	if (fs < 0)
		return op_fail(ctx, errno, "open file system %s", type);
	if (strcmp(device, "-") != 0 && fsconfig(fs, FSCONFIG_SET_STRING, "source", device, 0) < 0)
		return op_fail(ctx, errno, "%s of %s", type, device);
	if (has_flag(flags, "ro") && fsconfig(fs, FSCONFIG_SET_FLAG, "ro", NULL, 0) < 0)
		return op_fail(ctx, errno, "%s option ro", type);
	if (set_fs_options(ctx, fs, type, options) < 0)
		return -1;
	if (fsconfig(fs, FSCONFIG_CMD_CREATE, NULL, NULL, 0) < 0)
		return op_fail(ctx, errno, "mount %s of type %s (%s)", device, type, options);
	int mounted = fsmount(fs, FSMOUNT_CLOEXEC, mount_attributes(flags));
	return mounted < 0 ? op_fail(ctx, errno, "mount %s of type %s", device, type) : mounted;
}

/* Somebody else's file system may not know how to shift ids: then they are passed as they are. */
static void shift_if_possible(struct start *start, int tree)
{
	struct mount_attr shift = {.attr_set = MOUNT_ATTR_IDMAP, .userns_fd = (unsigned long long)start->user_ns};
	if (start->user_ns >= 0)
		(void)mount_setattr(tree, "", AT_EMPTY_PATH, &shift, sizeof(shift));
}

/* mount TYPE DEVICE|- TARGET FLAGS OPTIONS */
int mount_prepare(struct start *start, struct planned *planned)
{
	char **args = planned->args;
	planned->fd = mount_device(&start->ctx, args[0], args[1], args[3], args[4]);
	if (planned->fd < 0)
		return -1;
	shift_if_possible(start, planned->fd);
	return 0;
}

int mount_apply(struct start *start, struct planned *planned)
{
	const char *path = planned->args[2];
	fd_auto int target = open_in_root(&start->ctx, start->root, path, true, TARGET_DIR);
	return target < 0 || refuse_proc(start, target, path) < 0 ? -1 : attach_mount(start, planned->fd, target, path);
}

/* The part `subpath` of a mount, as one of its own. Takes over `tree`. */
static int part_of(struct start *start, int tree, const char *subpath)
{
	if (strcmp(subpath, ".") == 0)
		return tree;
	struct open_how how = {.flags = O_PATH | O_CLOEXEC, .resolve = RESOLVE_NO_MAGICLINKS | RESOLVE_BENEATH};
	fd_auto int from = (int)syscall(SYS_openat2, tree, subpath, &how, sizeof(how));
	int part = from < 0 ? -1 : open_tree(from, "", AT_EMPTY_PATH | OPEN_TREE_CLONE | OPEN_TREE_CLOEXEC);
	int err = errno;
	close(tree);
	return part < 0 ? op_fail(&start->ctx, err, "open %s of the image", subpath) : part;
}

static int single_layer(struct start *start, struct planned *planned)
{
	fd_auto int tree = clone_layer(start, planned->args[2]);
	struct mount_attr attr = {.attr_set = MOUNT_ATTR_RDONLY | root_attributes(start)};
	if (tree < 0 || make_private(&start->ctx, tree, planned->args[2]) < 0)
		return -1;
	if (mount_setattr(tree, "", AT_EMPTY_PATH, &attr, sizeof(attr)) < 0)
		return op_fail(&start->ctx, errno, "make the image read-only");
	planned->fd = part_of(start, steal_fd(&tree), planned->args[1]);
	return planned->fd < 0 ? -1 : 0;
}

/* In a child: layers under short names, as before Linux 6.15 overlayfs takes no detached ones, nor can a part of one be cloned. */
static int stacked_layers(struct start *start, struct planned *planned)
{
	char options[4096] = "lowerdir=";
	struct buf text = {.data = options, .length = strlen(options), .capacity = sizeof(options) - 1};
	if (unshare_mounts(start) < 0)
		return -1;
	int layers[512];
	int count = planned->n - 2;
	if (count > (int)ARRAY_SIZE(layers))
		return op_fail(&start->ctx, E2BIG, "%d layers", count);
	for (int i = 0; i < count; i++)
		if ((layers[i] = clone_layer(start, planned->args[i + 2])) < 0)
			return -1;
	if (mount("tmpfs", start->monitor->dir, "tmpfs", 0, "size=256k,mode=700") < 0 || chdir(start->monitor->dir) < 0 || mkdir("m", 0755) < 0)
		return op_fail(&start->ctx, errno, "make a staging folder");
	for (int i = 0; i < count; i++) {
		char name[12];
		snprintf(name, sizeof(name), "%d", i);
		if (mkdir(name, 0700) < 0 || move_mount(layers[i], "", AT_FDCWD, name, MOVE_MOUNT_F_EMPTY_PATH) < 0)
			return op_fail(&start->ctx, errno, "stage a layer of the image");
		buf_format(&text, "%s%s", i > 0 ? ":" : "", name);
	}
	options[text.length] = '\0';
	if (text.truncated || mount("overlay", "m", "overlay", MS_RDONLY | (root_attributes(start) ? MS_NODEV : 0), options) < 0)
		return op_fail(&start->ctx, text.truncated ? E2BIG : errno, "mount an image of %d layers", count);
	int merged = open("m", O_PATH | O_DIRECTORY | O_CLOEXEC);
	int whole = merged < 0 ? -1 : open_tree(merged, "", AT_EMPTY_PATH | OPEN_TREE_CLONE | OPEN_TREE_CLOEXEC);
	if (whole < 0)
		return op_fail(&start->ctx, errno, "detach the image");
	if (strcmp(planned->args[1], ".") == 0)
		planned->fd = whole;
	else
		planned->fd = part_of(start, merged, planned->args[1]);
	return planned->fd < 0 ? -1 : 0;
}

/* image TARGET SUBPATH LOWER…, topmost layer first; SUBPATH '.' is all of it */
int image_prepare(struct start *start, struct planned *planned)
{
	return planned->n == 3 ? single_layer(start, planned) : made_by_child(start, planned, stacked_layers);
}

int image_apply(struct start *start, struct planned *planned)
{
	const char *path = planned->args[0];
	struct stat st;
	if (fstat(planned->fd, &st) < 0)
		return op_fail(&start->ctx, errno, "stat the image");
	fd_auto int target = open_in_root(&start->ctx, start->root, path, true, S_ISDIR(st.st_mode) ? TARGET_DIR : TARGET_FILE);
	return target < 0 || refuse_proc(start, target, path) < 0 ? -1 : attach_mount(start, planned->fd, target, path);
}

/* Host operations: mount TYPE DEVICE|- TARGET FLAGS OPTIONS; umount[?] TARGET */
int op_mount(struct op_ctx *ctx, char **args, int n)
{
	(void)n;
	fd_auto int mounted = mount_device(ctx, args[0], args[1], args[3], args[4]);
	fd_auto int target = open(args[2], O_PATH | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
	if (mounted < 0)
		return -1;
	if (target < 0 || move_mount(mounted, "", target, "", MOVE_MOUNT_F_EMPTY_PATH | MOVE_MOUNT_T_EMPTY_PATH) < 0)
		return op_fail(ctx, errno, "mount %s at %s", args[0], args[2]);
	return 0;
}

int op_umount(struct op_ctx *ctx, char **args, int n)
{
	(void)n;
	bool optional = ctx->op[strlen(ctx->op) - 1] == '?';
	if (umount2(args[0], UMOUNT_NOFOLLOW | MNT_DETACH) < 0 && !(optional && (errno == EINVAL || errno == ENOENT)))
		return op_fail(ctx, errno, "unmount %s", args[0]);
	return 0;
}
