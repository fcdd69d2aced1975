/*
 * Writes a layer as overlayfs wants to find it: `.wh.NAME` becomes a character device 0:0, `.wh..wh..opq` the attribute
 * trusted.overlay.opaque of its folder (Documentation/filesystems/overlayfs.rst, "whiteouts and opaque directories"). Into a folder
 * that has the layers below in it already (`apply`), the same entries remove what they hide; see unpack_apply.c.
 */
#include "unpack.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/sysmacros.h>
#include <sys/xattr.h>
#include <unistd.h>

#define WHITEOUT ".wh."
#define OPAQUE ".wh..wh..opq"

struct folder_time {
	struct folder_time *next;
	struct timespec mtime;
	char path[];
};

struct layer {
	struct tree tree;
	const struct unpack_limits *limits;
	struct stream *stream;
	struct archive *tar;
	uint64_t entries, file_bytes, skipped;
	/* Making a file changes its folder's time, so the folders' times are set last. */
	struct folder_time *times;
	/* The target has the layers below in it: what this one wrote so far. */
	struct written_names *written;
};

bool xattr_allowed(const char *name)
{
	return strncmp(name, "user.", 5) == 0 || strcmp(name, "security.capability") == 0;
}

static void check_xattrs(struct archive_entry *entry, const char *path)
{
	const char *name;
	const void *value;
	size_t size, total = 0;
	archive_entry_xattr_reset(entry);
	while (archive_entry_xattr_next(entry, &name, &value, &size) == ARCHIVE_OK)
		total += size + (name ? strlen(name) : 0);
	if (total > UNPACK_XATTR_MAX)
		fail(KIND_LIMIT, "set attributes", 0, "%s has more than %d bytes of extended attributes", path, UNPACK_XATTR_MAX);
}

static void set_xattrs(int fd, struct archive_entry *entry, const char *path)
{
	if (archive_entry_xattr_count(entry) == 0)
		return;
	check_xattrs(entry, path);
	const char *name;
	const void *value;
	size_t size;
	archive_entry_xattr_reset(entry);
	while (archive_entry_xattr_next(entry, &name, &value, &size) == ARCHIVE_OK) {
		if (!name || !xattr_allowed(name) || fsetxattr(fd, name, value, size, 0) == 0)
			continue;
		/* setxattr(2): a full disk, but also more than the file system keeps for one file (ext4: a block of 4 KiB). */
		if (errno == ENOSPC && size > 1024)
			fail(KIND_LIMIT, "set attributes", 0, "%s has larger extended attributes than this file system keeps", path);
		/* A file system without user attributes, or a malformed capability, costs the attribute and not the image. */
		if (errno != EOPNOTSUPP && errno != EINVAL && errno != EPERM)
			fail(KIND_IO, "set attributes", errno, "cannot set %s of %s", name, path);
	}
}

static struct timespec entry_time(struct archive_entry *entry)
{
	return (struct timespec){archive_entry_mtime(entry), archive_entry_mtime_nsec(entry)};
}

static void set_identity(int fd, struct archive_entry *entry, const char *path, bool fresh)
{
	int64_t uid = archive_entry_uid(entry), gid = archive_entry_gid(entry);
	if (uid < 0 || gid < 0 || uid >= UINT32_MAX || gid >= UINT32_MAX)
		fail(KIND_REFUSED, "set owner", 0, "%s belongs to the impossible ids %lld:%lld", path, (long long)uid, (long long)gid);
	mode_t mode = archive_entry_perm(entry) & 07777;
	bool chowned = !fresh || uid != 0 || gid != 0;
	if (chowned && fchown(fd, (uid_t)uid, (gid_t)gid) < 0)
		fail(KIND_IO, "set owner", errno, "cannot give %s to %lld:%lld", path, (long long)uid, (long long)gid);
	/* chown drops setuid and setgid; open(2) has set the other bits already. */
	if ((!fresh || (mode & 07000)) && fchmod(fd, mode) < 0)
		fail(KIND_IO, "set mode", errno, "cannot set the mode of %s", path);
	set_xattrs(fd, entry, path);
}

/* Removes what an earlier entry of the same layer put here. True when that was a whiteout. */
static bool make_room(struct layer *l, int parent, const struct tree_name *name, const char *path)
{
	const char *part = name->parts[name->count - 1];
	struct stat st;
	if (fstatat(parent, part, &st, AT_SYMLINK_NOFOLLOW) < 0) {
		if (errno == ENOENT)
			return false;
		fail(KIND_IO, "look up", errno, "cannot look up %s", path);
	}
	if (S_ISDIR(st.st_mode))
		tree_forget(&l->tree, name);
	if (l->written && S_ISDIR(st.st_mode) && !written_has(l->written, name)) {
		remove_below(parent, part, path);
		return false;
	}
	if (unlinkat(parent, part, S_ISDIR(st.st_mode) ? AT_REMOVEDIR : 0) < 0)
		fail(errno == ENOTEMPTY ? KIND_REFUSED : KIND_IO, "replace", errno == ENOTEMPTY ? 0 : errno,
		     "\"%s\" appears twice, first as a folder with content", path);
	return is_whiteout(&st);
}

static void make_file(struct layer *l, const struct tree_name *name, struct archive_entry *entry, const char *path)
{
	int parent = tree_parent(&l->tree, name, TREE_FOLLOW_INSIDE, true);
	const char *part = name->parts[name->count - 1];
	int64_t size = archive_entry_size(entry);
	if (size < 0 || (l->file_bytes += (uint64_t)size) > l->limits->max_bytes)
		fail(KIND_SIZE, "write", 0, "the files are larger than the limit of %llu bytes", (unsigned long long)l->limits->max_bytes);
	int flags = O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC;
	mode_t mode = archive_entry_perm(entry) & 0777;
	int fd = openat(parent, part, flags, mode);
	if (fd < 0 && errno == EEXIST) {
		make_room(l, parent, name, path);
		fd = openat(parent, part, flags, mode);
	}
	if (fd < 0)
		fail(KIND_IO, "make file", errno, "cannot make %s", path);
	uint64_t written = size ? stream_copy_data(l->stream, l->tar, fd, path, NULL, NULL) : 0;
	if (written < (uint64_t)size && ftruncate(fd, size) < 0) /* a hole at the end of a sparse file */
		fail(KIND_IO, "write", errno, "cannot write %s", path);
	set_identity(fd, entry, path, true);
	struct timespec times[2] = {entry_time(entry), entry_time(entry)};
	futimens(fd, times);
	if (close(fd) < 0)
		fail(KIND_IO, "write", errno, "cannot write %s", path);
}

static void remember_time(struct layer *l, const char *path, struct timespec mtime)
{
	struct folder_time *t = malloc(sizeof *t + strlen(path) + 1);
	if (!t)
		fail(KIND_IO, "memory", ENOMEM, "too many folders");
	t->mtime = mtime;
	t->next = l->times;
	strcpy(t->path, path);
	l->times = t;
}

static void make_folder(struct layer *l, const struct tree_name *name, struct archive_entry *entry, const char *path)
{
	if (name->count > 0) {
		int parent = tree_parent(&l->tree, name, TREE_FOLLOW_INSIDE, true);
		const char *part = name->parts[name->count - 1];
		struct stat st;
		bool opaque = false;
		if (mkdirat(parent, part, 0700) < 0) {
			if (errno != EEXIST || fstatat(parent, part, &st, AT_SYMLINK_NOFOLLOW) < 0)
				fail(KIND_IO, "make folder", errno, "cannot make %s", path);
			if (!S_ISDIR(st.st_mode)) {
				opaque = make_room(l, parent, name, path);
				if (mkdirat(parent, part, 0700) < 0)
					fail(KIND_IO, "make folder", errno, "cannot make %s", path);
			}
		}
		int fd = tree_folder(&l->tree, name);
		if (opaque && fsetxattr(fd, "trusted.overlay.opaque", "y", 1, 0) < 0)
			fail(KIND_IO, "set opaque", errno, "cannot mark %s", path);
	}
	int fd = tree_folder(&l->tree, name);
	if (fd < 0)
		fail(KIND_IO, "open folder", errno, "cannot open %s", path);
	set_identity(fd, entry, path, false);
	remember_time(l, path, entry_time(entry));
}

static void make_hard_link(struct layer *l, const struct tree_name *name, const char *path, const char *target)
{
	static struct tree_name to;
	tree_parse(&to, target, "the target of a hard link");
	struct stat st;
	int from = to.count ? tree_parent(&l->tree, &to, TREE_NO_LINKS, false) : -1;
	if (from < 0 || fstatat(from, to.parts[to.count - 1], &st, AT_SYMLINK_NOFOLLOW) < 0)
		fail(KIND_REFUSED, "hard link", 0, "\"%s\" is a hard link to \"%s\", which is not in the layer", path, target);
	if (!S_ISREG(st.st_mode) && !S_ISLNK(st.st_mode) && !S_ISFIFO(st.st_mode))
		fail(KIND_REFUSED, "hard link", 0, "\"%s\" is a hard link to \"%s\", which is not a file", path, target);
	/* Looking up the new name closes the folders of the old one. */
	from = fcntl(from, F_DUPFD_CLOEXEC, 0);
	int parent = tree_parent(&l->tree, name, TREE_FOLLOW_INSIDE, true);
	const char *part = name->parts[name->count - 1];
	if (from < 0)
		fail(KIND_IO, "hard link", errno, "cannot make %s", path);
	int r = linkat(from, to.parts[to.count - 1], parent, part, 0);
	if (r < 0 && errno == EEXIST) {
		struct stat old;
		bool same = fstatat(parent, part, &old, AT_SYMLINK_NOFOLLOW) == 0 && old.st_ino == st.st_ino;
		if (!same)
			make_room(l, parent, name, path);
		r = same ? 0 : linkat(from, to.parts[to.count - 1], parent, part, 0);
	}
	if (r < 0)
		fail(KIND_IO, "hard link", errno, "cannot make %s", path);
	close(from);
}

/* Symbolic links and FIFOs: things that have no descriptor of their own. A link's target is only text; it is never followed here. */
static void make_special(struct layer *l, const struct tree_name *name, struct archive_entry *entry, const char *path)
{
	int parent = tree_parent(&l->tree, name, TREE_FOLLOW_INSIDE, true);
	const char *part = name->parts[name->count - 1];
	const char *target = archive_entry_symlink(entry);
	bool link = archive_entry_filetype(entry) == AE_IFLNK;
	if (link && (!target || !*target || strlen(target) >= UNPACK_PATH_MAX))
		fail(KIND_REFUSED, "symbolic link", 0, "\"%s\" is a symbolic link to nothing or to a name longer than %d bytes", path,
		     UNPACK_PATH_MAX - 1);
	make_room(l, parent, name, path);
	mode_t mode = archive_entry_perm(entry) & 07777;
	if ((link ? symlinkat(target, parent, part) : mknodat(parent, part, S_IFIFO | mode, 0)) < 0)
		fail(KIND_IO, "make special file", errno, "cannot make %s", path);
	if (fchownat(parent, part, (uid_t)archive_entry_uid(entry), (gid_t)archive_entry_gid(entry), AT_SYMLINK_NOFOLLOW) < 0)
		fail(KIND_IO, "set owner", errno, "cannot set the owner of %s", path);
	struct timespec times[2] = {entry_time(entry), entry_time(entry)};
	utimensat(parent, part, times, AT_SYMLINK_NOFOLLOW);
}

/* True when the entry was a whiteout. Those with a second `.wh.` are aufs's own bookkeeping and mean nothing here. */
static bool make_whiteout(struct layer *l, struct tree_name *name, const char *path)
{
	const char *part = name->parts[name->count - 1];
	if (strncmp(part, WHITEOUT, 4) != 0)
		return false;
	int parent = tree_parent(&l->tree, name, TREE_FOLLOW_INSIDE, true);
	if (l->written && strcmp(part, OPAQUE) == 0) {
		name->count--;
		remove_lower_content(l->written, parent, name);
		return true;
	}
	if (strcmp(part, OPAQUE) == 0) {
		if (fsetxattr(parent, "trusted.overlay.opaque", "y", 1, 0) < 0)
			fail(KIND_IO, "set opaque", errno, "cannot mark the folder of %s", path);
		return true;
	}
	const char *hidden = part + 4;
	if (strncmp(hidden, WHITEOUT, 4) == 0)
		return true;
	if (*hidden == '\0' || strcmp(hidden, ".") == 0 || strcmp(hidden, "..") == 0)
		fail(KIND_REFUSED, "whiteout", 0, "\"%s\" is a whiteout of \"%s\"", path, hidden);
	if (l->written) {
		name->parts[name->count - 1] += 4;
		tree_forget(&l->tree, name);
		remove_lower(l->written, parent, name);
		return true;
	}
	if (mknodat(parent, hidden, S_IFCHR | 0600, makedev(0, 0)) == 0)
		return true;
	if (errno != EEXIST)
		fail(KIND_IO, "whiteout", errno, "cannot make the whiteout %s", path);
	/* The layer has the name itself as well: it replaces what was below, so a folder hides the one below it. */
	name->parts[name->count - 1] += 4;
	struct stat st;
	if (fstatat(parent, hidden, &st, AT_SYMLINK_NOFOLLOW) == 0 && S_ISDIR(st.st_mode)) {
		int fd = tree_folder(&l->tree, name);
		if (fd < 0 || fsetxattr(fd, "trusted.overlay.opaque", "y", 1, 0) < 0)
			fail(KIND_IO, "set opaque", errno, "cannot mark %s", path);
	}
	return true;
}

static void make_entry(struct layer *l, struct archive_entry *entry)
{
	static struct tree_name name;
	const char *path = archive_entry_pathname(entry);
	tree_parse(&name, path, "an entry");
	mode_t type = archive_entry_filetype(entry);
	if (name.count == 0) {
		if (type != AE_IFDIR)
			fail(KIND_REFUSED, "check name", 0, "the root of the layer is not a folder");
		make_folder(l, &name, entry, ".");
		return;
	}
	if (make_whiteout(l, &name, path))
		return;
	const char *hard_link = archive_entry_hardlink(entry);
	if (hard_link)
		make_hard_link(l, &name, path, hard_link);
	else if (type == AE_IFREG)
		make_file(l, &name, entry, path);
	else if (type == AE_IFDIR)
		make_folder(l, &name, entry, path);
	else if (type == AE_IFLNK || type == AE_IFIFO)
		make_special(l, &name, entry, path);
	else
		l->skipped++; /* devices and sockets: containers get a /dev of their own, and nothing opens these */
	if (l->written)
		written_add(l->written, &name);
}

static void set_folder_times(struct layer *l)
{
	static struct tree_name name;
	for (struct folder_time *t; (t = l->times); free(t)) {
		l->times = t->next;
		tree_parse(&name, t->path, "a folder");
		int fd = tree_folder(&l->tree, &name);
		struct timespec times[2] = {t->mtime, t->mtime};
		if (fd >= 0)
			futimens(fd, times);
	}
}

struct layer_result write_layer(int root, const struct unpack_limits *limits, struct stream *stream, bool apply)
{
	static struct layer l;
	static struct written_names written;
	l = (struct layer){.tree.root = root, .limits = limits, .stream = stream, .written = apply ? &written : NULL};
	check_reserve(root, limits);
	l.tar = stream_tar(l.stream);
	for (struct archive_entry *entry; (entry = stream_next(l.tar, limits, &l.entries));) {
		make_entry(&l, entry);
		stream_progress(l.stream);
	}
	set_folder_times(&l);
	while (l.tree.depth > 0)
		close(l.tree.levels[--l.tree.depth].fd);
	struct stream_result result = stream_finish(l.stream);
	archive_read_free(l.tar);
	return (struct layer_result){result, l.file_bytes, l.entries, l.skipped};
}

void unpack_layer(int root, const struct unpack_limits *limits, const char *trusted, bool apply)
{
	struct layer_result r = write_layer(root, limits, stream_open(STDIN_FILENO, limits, true, trusted), apply);
	report("done", "\"diffId\":\"%s\",\"digest\":\"%s\",\"tarBytes\":%llu,\"fileBytes\":%llu,\"entries\":%llu,\"skipped\":%llu",
	       r.stream.diff_id, r.stream.digest, (unsigned long long)r.stream.tar_bytes, (unsigned long long)r.file_bytes,
	       (unsigned long long)r.entries, (unsigned long long)r.skipped);
}
