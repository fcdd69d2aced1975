/* tmpcopyup: a tmpfs that starts with what it covers. */
#include <dirent.h>
#include <stdlib.h>
#include <sys/sendfile.h>
#include <sys/stat.h>
#include <sys/xattr.h>

#include "runtime.h"

#define MAX_DEPTH 64

static int copy_folder(struct op_ctx *ctx, int from, int to, int depth);

static int copy_content(int from, int to)
{
	ssize_t n;
	while ((n = sendfile(to, from, NULL, 1 << 20)) > 0)
		;
	return n < 0 ? -1 : 0;
}

/* What tmpfs does not take (EOPNOTSUPP, EPERM for trusted names in a user namespace) is left behind. */
static void copy_xattrs(int from, int to)
{
	char names[4096], value[4096];
	ssize_t length = flistxattr(from, names, sizeof(names));
	for (ssize_t at = 0; at < length; at += (ssize_t)strlen(names + at) + 1) {
		ssize_t size = fgetxattr(from, names + at, value, sizeof(value));
		if (size >= 0 && fsetxattr(to, names + at, value, (size_t)size, 0) < 0)
			continue;
	}
}

static int take_over(int to, const struct stat *st)
{
	struct timespec times[2] = {st->st_atim, st->st_mtim};
	if (fchown(to, st->st_uid, st->st_gid) < 0 || fchmod(to, st->st_mode & 07777) < 0)
		return -1;
	return futimens(to, times);
}

static int copy_link(int from, int to, const char *name, const struct stat *st)
{
	char value[4096];
	ssize_t length = readlinkat(from, name, value, sizeof(value) - 1);
	if (length < 0)
		return -1;
	value[length] = '\0';
	if (symlinkat(value, to, name) < 0)
		return -1;
	return fchownat(to, name, st->st_uid, st->st_gid, AT_SYMLINK_NOFOLLOW);
}

static int copy_node(int to, const char *name, const struct stat *st)
{
	if (mknodat(to, name, st->st_mode, st->st_rdev) < 0)
		return -1;
	return fchownat(to, name, st->st_uid, st->st_gid, AT_SYMLINK_NOFOLLOW);
}

static int copy_entry(struct op_ctx *ctx, int from, int to, const char *name, int depth)
{
	struct stat st;
	if (fstatat(from, name, &st, AT_SYMLINK_NOFOLLOW) < 0)
		return op_fail(ctx, errno, "look at %s", name);
	bool folder = S_ISDIR(st.st_mode);
	if (!folder && !S_ISREG(st.st_mode)) {
		int failed = S_ISLNK(st.st_mode) ? copy_link(from, to, name, &st) : copy_node(to, name, &st);
		return failed < 0 ? op_fail(ctx, errno, "copy %s", name) : 0;
	}
	fd_auto int source = openat(from, name, O_RDONLY | O_NOFOLLOW | O_CLOEXEC | (folder ? O_DIRECTORY : 0));
	if (folder && mkdirat(to, name, 0700) < 0)
		return op_fail(ctx, errno, "make %s", name);
	fd_auto int copy = folder ? openat(to, name, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC) : openat(to, name, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0600);
	if (source < 0 || copy < 0)
		return op_fail(ctx, errno, "open %s", name);
	if (folder ? copy_folder(ctx, source, copy, depth + 1) < 0 : copy_content(source, copy) < 0)
		return op_fail(ctx, errno, "copy %s", name);
	copy_xattrs(source, copy);
	return take_over(copy, &st) < 0 ? op_fail(ctx, errno, "give %s its owner", name) : 0;
}

static int copy_folder(struct op_ctx *ctx, int from, int to, int depth)
{
	if (depth > MAX_DEPTH)
		return op_fail(ctx, ELOOP, "folders deeper than %d", MAX_DEPTH);
	int own = fcntl(from, F_DUPFD_CLOEXEC, 3);
	DIR *dir = own < 0 ? NULL : fdopendir(own);
	if (!dir)
		return op_fail(ctx, errno, "list a folder");
	int failed = 0;
	for (struct dirent *entry; !failed && (entry = readdir(dir));)
		if (strcmp(entry->d_name, ".") != 0 && strcmp(entry->d_name, "..") != 0)
			failed = copy_entry(ctx, from, to, entry->d_name, depth);
	closedir(dir);
	return failed;
}

int copy_tree(struct op_ctx *ctx, int from, int to)
{
	struct stat st;
	if (copy_folder(ctx, from, to, 0) < 0)
		return -1;
	return fstat(from, &st) < 0 || take_over(to, &st) < 0 ? op_fail(ctx, errno, "give the folder its owner") : 0;
}
