/* Host operations on project quotas, which bound what lies below some folders (ext4 and xfs mounted with prjquota; quotactl(2)). */
#include <linux/dqblk_xfs.h>
#include <linux/fs.h>
#include <linux/quota.h>
#include <sys/ioctl.h>
#include <sys/stat.h>
#include <sys/syscall.h>

#include "core.h"

#ifndef SYS_quotactl_fd
#define SYS_quotactl_fd 443
#endif

/* Our ids have the highest bit set: projects that an administrator numbers begin at 1 (projects(5)). */
#define OUR_PROJECTS 0x80000000U
/* Looks for an id that nobody uses; the first look nearly always succeeds. */
#define LOOKS 1000

static int quota(int fd, int command, unsigned int id, void *data)
{
	return (int)syscall(SYS_quotactl_fd, fd, QCMD(command, PRJQUOTA), id, data);
}

bool quota_is_enforced(int fd)
{
	struct fs_quota_statv state = {.qs_version = FS_QSTATV_VERSION1};
	return quota(fd, Q_XGETQSTATV, 0, &state) == 0 && (state.qs_flags & FS_QUOTA_PDQ_ENFD);
}

static bool is_free(int fd, unsigned int id)
{
	struct if_dqblk now = {0};
	if (quota(fd, Q_GETQUOTA, id, &now) < 0)
		return errno == ENOENT; /* xfs: nothing was ever counted for it */
	return now.dqb_curspace == 0 && now.dqb_curinodes == 0 && now.dqb_bhardlimit == 0 && now.dqb_ihardlimit == 0;
}

/* A folder's inode number is its own as long as it lives: where to begin to look. 0 when there is none to be had. */
static unsigned int find_project(int fd)
{
	struct stat st;
	struct fsxattr attributes;
	if (fstat(fd, &st) < 0 || ioctl(fd, FS_IOC_FSGETXATTR, &attributes) < 0)
		return 0;
	/* From a time before that was cut short. */
	if (attributes.fsx_projid & OUR_PROJECTS)
		return attributes.fsx_projid;
	for (unsigned int i = 0; i < LOOKS; i++) {
		unsigned int id = OUR_PROJECTS | (((unsigned int)st.st_ino + i) & ~OUR_PROJECTS);
		if (is_free(fd, id))
			return id;
	}
	errno = EBUSY;
	return 0;
}

static int set_limit(int fd, unsigned int id, unsigned long long bytes)
{
	struct if_dqblk limit = {.dqb_bhardlimit = bytes / 1024, .dqb_valid = QIF_BLIMITS};
	return quota(fd, Q_SETQUOTA, id, &limit);
}

/* What comes to lie below belongs to the project as well. */
static int join_project(int fd, unsigned int id)
{
	struct fsxattr attributes;
	if (ioctl(fd, FS_IOC_FSGETXATTR, &attributes) < 0)
		return -1;
	attributes.fsx_projid = id;
	attributes.fsx_xflags |= FS_XFLAG_PROJINHERIT;
	return ioctl(fd, FS_IOC_FSSETXATTR, &attributes);
}

/* quota.set BYTES DIR…: empty folders of one file system, which together may hold so much */
int op_quota_set(struct op_ctx *ctx, char **args, int n)
{
	long long bytes;
	unsigned int id = 0;
	if (!op_number(ctx, "size", args[0], 1024, INT64_MAX, &bytes))
		return -1;
	for (int i = 1; i < n; i++) {
		fd_auto int dir = open(args[i], O_RDONLY | O_DIRECTORY | O_CLOEXEC | O_NOFOLLOW);
		if (dir < 0)
			return op_fail(ctx, errno, "open %s", args[i]);
		if (id == 0 && !quota_is_enforced(dir))
			return op_fail(ctx, EOPNOTSUPP, "the file system of %s is not mounted with prjquota", args[i]);
		if (id == 0 && ((id = find_project(dir)) == 0 || set_limit(dir, id, (unsigned long long)bytes) < 0))
			return op_fail(ctx, errno, "limit project %u of %s", id, args[i]);
		if (join_project(dir, id) < 0)
			return op_fail(ctx, errno, "put %s into project %u", args[i], id);
	}
	return 0;
}

/* quota.clear? DIR: takes the limit of the folder's project away; a project that is none of ours is left alone */
int op_quota_clear(struct op_ctx *ctx, char **args, int n)
{
	(void)n;
	struct fsxattr attributes;
	fd_auto int dir = open(args[0], O_RDONLY | O_DIRECTORY | O_CLOEXEC | O_NOFOLLOW);
	if (dir < 0)
		return errno == ENOENT ? 0 : op_fail(ctx, errno, "open %s", args[0]);
	if (ioctl(dir, FS_IOC_FSGETXATTR, &attributes) < 0 || !(attributes.fsx_projid & OUR_PROJECTS))
		return 0;
	/* The file system may be mounted without quota by now: then there is no limit. */
	if (set_limit(dir, attributes.fsx_projid, 0) < 0 && errno != ESRCH && errno != ENOSYS && errno != EOPNOTSUPP)
		return op_fail(ctx, errno, "lift the limit of project %u of %s", attributes.fsx_projid, args[0]);
	return 0;
}
