/*
 * Names below the target. A folder is opened once, from the descriptor of the folder above it, and kept while the entries of the tar
 * stay below it: entries come in order of depth, so that most of them cost no lookup at all.
 */
#include "unpack.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/openat2.h>
#include <stdio.h>
#include <string.h>
#include <sys/syscall.h>
#include <sys/sysmacros.h>
#include <sys/xattr.h>
#include <unistd.h>

void tree_parse(struct tree_name *name, const char *path, const char *what)
{
	size_t length = path ? strnlen(path, UNPACK_PATH_MAX) : 0;
	if (length == 0)
		fail(KIND_REFUSED, "check name", 0, "%s has no name", what);
	if (length >= UNPACK_PATH_MAX)
		fail(KIND_LIMIT, "check name", 0, "%s has a name longer than %d bytes", what, UNPACK_PATH_MAX - 1);
	if (path[0] == '/' && strspn(path, "/") != length)
		fail(KIND_REFUSED, "check name", 0, "%s \"%s\" has an absolute path", what, path);
	memcpy(name->text, path, length + 1);
	name->count = 0;
	char *rest = name->text;
	for (char *part; (part = strsep(&rest, "/"));) {
		if (part[0] == '\0' || strcmp(part, ".") == 0)
			continue;
		if (strcmp(part, "..") == 0)
			fail(KIND_REFUSED, "check name", 0, "%s \"%s\" leaves the layer with \"..\"", what, path);
		if (strlen(part) > 255)
			fail(KIND_LIMIT, "check name", 0, "%s \"%.80s…\" has a part longer than 255 bytes", what, path);
		if (name->count == UNPACK_DEPTH_MAX)
			fail(KIND_LIMIT, "check name", 0, "%s \"%.80s…\" lies more than %d folders deep", what, path, UNPACK_DEPTH_MAX);
		name->parts[name->count++] = part;
	}
}

bool is_whiteout(const struct stat *st)
{
	return S_ISCHR(st->st_mode) && st->st_rdev == makedev(0, 0);
}

static int open_beneath(int dir, const char *path, uint64_t resolve)
{
	struct open_how how = {
	    .flags = O_RDONLY | O_DIRECTORY | O_CLOEXEC | O_NONBLOCK,
	    .resolve = RESOLVE_BENEATH | RESOLVE_NO_MAGICLINKS | RESOLVE_NO_XDEV | resolve,
	};
	return (int)syscall(SYS_openat2, dir, path, &how, sizeof how);
}

/* Joins the first `count` parts, for messages and for lookups that may follow links. */
static const char *join(const struct tree_name *name, int count)
{
	static char path[UNPACK_PATH_MAX];
	size_t at = 0;
	path[0] = '\0';
	for (int i = 0; i < count; i++)
		at += (size_t)snprintf(path + at, sizeof path - at, "%s%s", i ? "/" : "", name->parts[i]);
	return path;
}

/* The folder `parts[0..count)` could not be opened as a plain folder of `parent`: says why, mends it, or follows a link that stays inside. */
static int open_unusual(struct tree *tree, int parent, const struct tree_name *name, int count, enum tree_links links, bool make)
{
	const char *part = name->parts[count - 1];
	struct stat st;
	if (fstatat(parent, part, &st, AT_SYMLINK_NOFOLLOW) < 0) {
		if (errno != ENOENT)
			fail(KIND_IO, "look up", errno, "cannot look up %s", join(name, count));
		if (!make)
			return -1;
		if (mkdirat(parent, part, 0755) < 0)
			fail(KIND_IO, "make folder", errno, "cannot make %s", join(name, count));
		return open_beneath(parent, part, RESOLVE_NO_SYMLINKS);
	}
	if (S_ISLNK(st.st_mode)) {
		if (links == TREE_NO_LINKS)
			fail(KIND_REFUSED, "check name", 0, "\"%s\" passes through the symbolic link \"%s\"", join(name, name->count), part);
		int fd = open_beneath(tree->root, join(name, count), 0);
		if (fd < 0)
			fail(KIND_REFUSED, "check name", 0, "an entry passes through the symbolic link \"%s\", which leads out of the layer or to no folder",
			     join(name, count));
		return fd;
	}
	if (is_whiteout(&st) && make) {
		/* Removed below and made anew here: an opaque folder. */
		if (unlinkat(parent, part, 0) < 0 || mkdirat(parent, part, 0755) < 0)
			fail(KIND_IO, "make folder", errno, "cannot make %s", join(name, count));
		int fd = open_beneath(parent, part, RESOLVE_NO_SYMLINKS);
		if (fd >= 0 && fsetxattr(fd, "trusted.overlay.opaque", "y", 1, 0) < 0)
			fail(KIND_IO, "set opaque", errno, "cannot mark %s", join(name, count));
		return fd;
	}
	if (!make)
		return -1;
	fail(KIND_REFUSED, "check name", 0, "an entry lies below \"%s\", which is no folder", join(name, count));
}

/* Descriptor of the folder parts[0..count). */
static int descend(struct tree *tree, const struct tree_name *name, int count, enum tree_links links, bool make)
{
	int same = 0;
	while (same < tree->depth && same < count && strcmp(tree->levels[same].name, name->parts[same]) == 0)
		same++;
	/* Levels may have been reached through links that stay inside; a name that must not use any is walked from the top. */
	if (links == TREE_NO_LINKS)
		same = 0;
	while (tree->depth > same)
		close(tree->levels[--tree->depth].fd);
	while (tree->depth < count) {
		int parent = tree->depth ? tree->levels[tree->depth - 1].fd : tree->root;
		const char *part = name->parts[tree->depth];
		int fd = open_beneath(parent, part, RESOLVE_NO_SYMLINKS);
		if (fd < 0)
			fd = open_unusual(tree, parent, name, tree->depth + 1, links, make);
		if (fd < 0 && make)
			fail(KIND_IO, "open folder", errno, "cannot open %s", join(name, tree->depth + 1));
		if (fd < 0)
			return -1;
		struct tree_level *level = &tree->levels[tree->depth++];
		level->fd = fd;
		snprintf(level->name, sizeof level->name, "%s", part);
	}
	return count ? tree->levels[count - 1].fd : tree->root;
}

int tree_parent(struct tree *tree, const struct tree_name *name, enum tree_links links, bool make)
{
	return descend(tree, name, name->count - 1, links, make);
}

int tree_folder(struct tree *tree, const struct tree_name *name)
{
	return descend(tree, name, name->count, TREE_FOLLOW_INSIDE, false);
}

void tree_forget(struct tree *tree, const struct tree_name *name)
{
	for (int i = 0; i < tree->depth && i < name->count; i++)
		if (strcmp(tree->levels[i].name, name->parts[i]) != 0)
			return;
	while (tree->depth >= name->count && tree->depth > 0)
		close(tree->levels[--tree->depth].fd);
}
