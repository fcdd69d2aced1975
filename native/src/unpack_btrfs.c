/*
 * Subvolumes of btrfs: a layer or a container is one, made as a snapshot of the one below it. The paths are the agent's own, so
 * these need no sandbox.
 */
#include "unpack.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/btrfs.h>
#include <linux/magic.h>
#include <stdio.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/vfs.h>
#include <unistd.h>

/* The folder that holds `path`, and its last part. */
static int open_parent(const char *path, const char **name)
{
	char parent[UNPACK_PATH_MAX];
	const char *slash = strrchr(path, '/');
	if (!slash || slash[1] == '\0' || strlen(slash + 1) > 255)
		fail(KIND_IO, "check name", EINVAL, "%s is not an absolute path", path);
	snprintf(parent, sizeof parent, "%.*s", (int)(slash - path), path);
	*name = slash + 1;
	int fd = open(parent[0] ? parent : "/", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	if (fd < 0)
		fail(KIND_IO, "open folder", errno, "cannot open %s", parent);
	return fd;
}

static void done(void)
{
	report("done", "\"done\":true");
}

void btrfs_create(const char *path)
{
	struct btrfs_ioctl_vol_args args = {0};
	const char *name;
	int parent = open_parent(path, &name);
	snprintf(args.name, sizeof args.name, "%s", name);
	if (ioctl(parent, BTRFS_IOC_SUBVOL_CREATE, &args) < 0)
		fail(KIND_IO, "make subvolume", errno, "cannot make the subvolume %s", path);
	done();
}

void btrfs_snapshot(const char *source, const char *path)
{
	struct btrfs_ioctl_vol_args_v2 args = {0};
	const char *name;
	int parent = open_parent(path, &name);
	args.fd = open(source, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	if (args.fd < 0)
		fail(KIND_IO, "open subvolume", errno, "cannot open %s", source);
	snprintf(args.name, sizeof args.name, "%s", name);
	if (ioctl(parent, BTRFS_IOC_SNAP_CREATE_V2, &args) < 0)
		fail(KIND_IO, "make snapshot", errno, "cannot make a snapshot of %s", source);
	done();
}

/* A subvolume that its container made others in is refused with ENOTEMPTY: reported, and removed as any folder by who called. */
void btrfs_remove(const char *path)
{
	struct btrfs_ioctl_vol_args args = {0};
	const char *name;
	int parent = open_parent(path, &name);
	snprintf(args.name, sizeof args.name, "%s", name);
	if (ioctl(parent, BTRFS_IOC_SNAP_DESTROY, &args) == 0 || errno == ENOENT) {
		done();
		return;
	}
	if (errno != ENOTEMPTY && errno != EINVAL && errno != ENOTDIR)
		fail(KIND_IO, "remove subvolume", errno, "cannot remove the subvolume %s", path);
	report("done", "\"done\":false");
}
