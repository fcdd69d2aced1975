/*
 * rmtree: removing a container's folders. What is in them was made by the container, so nothing here trusts it: links are not
 * followed, and a tree of any depth needs no more than MAX_DEPTH descriptors.
 */
#include <dirent.h>
#include <sys/stat.h>

#include "core.h"

#define MAX_DEPTH 64

struct removal {
	struct op_ctx *ctx;
	const char *path;
	/* The folder itself: what lies too deep is moved up here and removed in the next round. */
	int top;
	unsigned int moved;
};

static int remove_entry(struct removal *removal, int dir, const char *name, int depth);

/* Takes over `dir`. */
static int remove_content(struct removal *removal, int dir, int depth)
{
	DIR *entries = fdopendir(dir);
	if (!entries) {
		int err = errno;
		close(dir);
		return op_fail(removal->ctx, err, "list a folder below %s", removal->path);
	}
	int result = 0;
	for (struct dirent *entry; result == 0 && (entry = readdir(entries));)
		if (strcmp(entry->d_name, ".") != 0 && strcmp(entry->d_name, "..") != 0)
			result = remove_entry(removal, dir, entry->d_name, depth);
	closedir(entries);
	return result;
}

static int move_up(struct removal *removal, int dir, const char *name)
{
	char place[32];
	do
		snprintf(place, sizeof(place), ".deep-%u", removal->moved++);
	while (renameat(dir, name, removal->top, place) < 0 && (errno == EEXIST || errno == ENOTEMPTY || errno == ENOTDIR) && removal->moved < 100000);
	return faccessat(dir, name, F_OK, AT_SYMLINK_NOFOLLOW) < 0 ? 0 : op_fail(removal->ctx, errno, "move %s up in %s", name, removal->path);
}

static int remove_entry(struct removal *removal, int dir, const char *name, int depth)
{
	if (unlinkat(dir, name, 0) == 0 || errno == ENOENT)
		return 0;
	if (errno != EISDIR && errno != EPERM)
		return op_fail(removal->ctx, errno, "remove %s below %s", name, removal->path);
	if (unlinkat(dir, name, AT_REMOVEDIR) == 0 || errno == ENOENT)
		return 0;
	if (errno != ENOTEMPTY && errno != EEXIST)
		return op_fail(removal->ctx, errno, "remove %s below %s", name, removal->path);
	if (depth == MAX_DEPTH)
		return move_up(removal, dir, name);
	int child = openat(dir, name, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
	if (child < 0)
		return op_fail(removal->ctx, errno, "open %s below %s", name, removal->path);
	if (remove_content(removal, child, depth + 1) < 0)
		return -1;
	if (unlinkat(dir, name, AT_REMOVEDIR) < 0 && errno != ENOENT)
		return op_fail(removal->ctx, errno, "remove %s below %s", name, removal->path);
	return 0;
}

/* rmtree PATH: the folder with everything below; one that is not there is fine */
int op_rmtree(struct op_ctx *ctx, char **args, int n)
{
	(void)n;
	for (;;) {
		int top = open(args[0], O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
		if (top < 0)
			return errno == ENOENT ? 0 : op_fail(ctx, errno, "open %s", args[0]);
		struct removal removal = {.ctx = ctx, .path = args[0], .top = top};
		if (remove_content(&removal, top, 0) < 0)
			return -1;
		if (rmdir(args[0]) == 0 || errno == ENOENT)
			return 0;
		if (errno != ENOTEMPTY || removal.moved == 0)
			return op_fail(ctx, errno, "remove %s", args[0]);
	}
}
