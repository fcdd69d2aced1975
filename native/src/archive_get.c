/* Tars of what a view has: of single things for a copy, of the root for an export, of an overlayfs upper for a layer. */
#include "archive_tool.h"

#include <errno.h>
#include <fcntl.h>
#include <openssl/evp.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/sysmacros.h>
#include <sys/xattr.h>
#include <unistd.h>

#define LINK_BUCKETS 4096
#define OUT_BYTES (256 * 1024)
#define WHITEOUT ".wh."

/* Files with several names that have been written under one of them. */
struct written {
	struct written *next;
	dev_t device;
	ino_t inode;
	char name[];
};

struct writer {
	struct archive *tar;
	struct written *written[LINK_BUCKETS];
	bool layer;
	/* fuse-overlayfs wrote it: it marks a folder as opaque by files in it. */
	bool fuse;
	/* Nothing of another mount: its mount points are empty. */
	bool one_mount;
	/* Of a folder only its own entry. */
	bool single;
	uint64_t mount;
	char **skip;
	int skip_count;
	EVP_MD_CTX *hash;
	uint64_t bytes, entries, file_bytes;
	int depth;
	char name[UNPACK_PATH_MAX + 512];
};

static void write_out(const char *data, size_t size)
{
	while (size > 0) {
		ssize_t n = write(STDOUT_FILENO, data, size);
		if (n < 0 && errno == EINTR)
			continue;
		if (n <= 0)
			_exit(2); /* nobody reads any more */
		data += n;
		size -= (size_t)n;
	}
}

static la_ssize_t write_tar(struct archive *a, void *context, const void *data, size_t size)
{
	(void)a;
	struct writer *w = context;
	if (w->hash)
		EVP_DigestUpdate(w->hash, data, size);
	w->bytes += size;
	write_out(data, size);
	return (la_ssize_t)size;
}

static void check(struct writer *w, int result)
{
	if (result < ARCHIVE_WARN)
		fail(KIND_IO, "write tar", archive_errno(w->tar), "cannot write %s: %s", w->name, archive_error_string(w->tar));
}

static uint64_t mount_of(int fd)
{
	struct statx x;
	return statx(fd, "", AT_EMPTY_PATH, STATX_MNT_ID, &x) == 0 ? x.stx_mnt_id : 0;
}

/* Version 3 of a file capability names the user namespace that gave it; in an image it is version 2 (capabilities(7)). */
static size_t plain_capability(unsigned char *value, size_t size)
{
	if (size != 24 || value[3] != 3)
		return size;
	value[3] = 2;
	return 20;
}

static void add_xattrs(struct writer *w, struct archive_entry *entry, int fd)
{
	static char names[UNPACK_XATTR_MAX], value[UNPACK_XATTR_MAX];
	ssize_t length = flistxattr(fd, names, sizeof names);
	for (char *name = names; length > 0 && name < names + length; name += strlen(name) + 1) {
		if (w->layer && (strcmp(name, "trusted.overlay.redirect") == 0 || strcmp(name, "trusted.overlay.metacopy") == 0))
			fail(KIND_IO, "read layer", 0, "%s was renamed in a way that no layer can hold (%s)", w->name, name);
		/* Its own notes, as where a file was copied from. */
		if (w->fuse && (strncmp(name, "user.fuseoverlayfs.", 19) == 0 || strncmp(name, "user.overlay.", 13) == 0))
			continue;
		if (!xattr_allowed(name))
			continue;
		ssize_t size = fgetxattr(fd, name, value, sizeof value);
		if (size < 0)
			continue;
		if (strcmp(name, "security.capability") == 0)
			size = (ssize_t)plain_capability((unsigned char *)value, (size_t)size);
		archive_entry_xattr_add_entry(entry, name, value, (size_t)size);
	}
}

/* The name under which this file is in the tar already, or NULL; then it is from now on. */
static const char *written_before(struct writer *w, const struct stat *st)
{
	if (S_ISDIR(st->st_mode) || st->st_nlink < 2)
		return NULL;
	struct written **bucket = &w->written[(st->st_ino ^ st->st_dev) % LINK_BUCKETS];
	for (struct written *x = *bucket; x; x = x->next)
		if (x->inode == st->st_ino && x->device == st->st_dev)
			return x->name;
	struct written *x = malloc(sizeof *x + strlen(w->name) + 1);
	if (!x)
		fail(KIND_IO, "memory", ENOMEM, "too many hard links");
	*x = (struct written){.next = *bucket, .device = st->st_dev, .inode = st->st_ino};
	strcpy(x->name, w->name);
	*bucket = x;
	return NULL;
}

static void add_content(struct writer *w, int fd, uint64_t size)
{
	static char buffer[OUT_BYTES];
	while (size > 0) {
		ssize_t n = read(fd, buffer, size < sizeof buffer ? (size_t)size : sizeof buffer);
		if (n < 0 && errno == EINTR)
			continue;
		if (n < 0)
			fail(KIND_IO, "read", errno, "cannot read %s", w->name);
		if (n == 0)
			return; /* it became shorter meanwhile; libarchive fills up with zeros */
		if (archive_write_data(w->tar, buffer, (size_t)n) < 0)
			fail(KIND_IO, "write tar", archive_errno(w->tar), "cannot write %s", w->name);
		size -= (uint64_t)n;
	}
}

static void write_entry(struct writer *w, const struct stat *st, int fd, const char *link, bool with_content)
{
	struct archive_entry *entry = archive_entry_new2(w->tar);
	const char *before = written_before(w, st);
	archive_entry_copy_stat(entry, st);
	archive_entry_unset_atime(entry);
	archive_entry_unset_ctime(entry);
	archive_entry_unset_birthtime(entry);
	archive_entry_set_pathname(entry, w->name);
	if (link)
		archive_entry_set_symlink(entry, link);
	if (before)
		archive_entry_set_hardlink(entry, before);
	if (!S_ISREG(st->st_mode) || before || !with_content)
		archive_entry_set_size(entry, 0);
	if (fd >= 0 && !before)
		add_xattrs(w, entry, fd);
	check(w, archive_write_header(w->tar, entry));
	if (S_ISREG(st->st_mode) && !before && with_content) {
		add_content(w, fd, (uint64_t)st->st_size);
		w->file_bytes += (uint64_t)st->st_size;
	}
	check(w, archive_write_finish_entry(w->tar));
	archive_entry_free(entry);
	w->entries++;
}

static void write_marker(struct writer *w, const char *name)
{
	size_t length = strlen(w->name);
	snprintf(w->name + length, sizeof w->name - length, "%s", name);
	struct stat st = {.st_mode = S_IFREG, .st_nlink = 1};
	write_entry(w, &st, -1, NULL, false);
	w->name[length] = '\0';
}

static bool is_skipped(const struct writer *w)
{
	for (int i = 0; i < w->skip_count; i++) {
		size_t n = strlen(w->skip[i]);
		if (strncmp(w->name, w->skip[i], n) == 0 && (w->name[n] == '\0' || strcmp(w->name + n, "/") == 0))
			return true;
	}
	return false;
}

static void add_named(struct writer *w, int parent, const char *part);

/* What fuse-overlayfs puts into an opaque folder: a mark, and a whiteout beside it. Containers cannot see or make such names there. */
#define FUSE_OPAQUE ".wh..wh..opq"
static bool is_fuse_mark(const struct writer *w, const char *name)
{
	return w->fuse && (strcmp(name, FUSE_OPAQUE) == 0 || strcmp(name, ".wh..opq") == 0);
}

/* Whatever is below the folder `fd`, whose own entry is written. */
static void add_below(struct writer *w, int fd)
{
	if (++w->depth > ARCHIVE_DEPTH_MAX)
		fail(KIND_LIMIT, "read folder", 0, "%.80s… lies more than %d folders deep", w->name, ARCHIVE_DEPTH_MAX);
	char **names = folder_names(fd, w->name);
	size_t length = strlen(w->name);
	for (char **name = names; *name; name++) {
		if (length + strlen(*name) >= UNPACK_PATH_MAX)
			fail(KIND_LIMIT, "read folder", 0, "%.80s… is longer than %d bytes", w->name, UNPACK_PATH_MAX);
		if (is_fuse_mark(w, *name)) {
			free(*name);
			continue;
		}
		if (w->layer && strncmp(*name, WHITEOUT, 4) == 0)
			fail(KIND_REFUSED, "read layer", 0, "%s%s: a layer gives names with .wh. a meaning of their own", w->name, *name);
		strcpy(w->name + length, *name);
		add_named(w, fd, *name);
		w->name[length] = '\0';
		free(*name);
	}
	free(names);
	w->depth--;
}

static bool is_opaque(const struct writer *w, int fd)
{
	char value[8];
	struct stat mark;
	if (w->fuse && fstatat(fd, FUSE_OPAQUE, &mark, AT_SYMLINK_NOFOLLOW) == 0)
		return true;
	return fgetxattr(fd, "trusted.overlay.opaque", value, sizeof value) == 1 && value[0] == 'y';
}

static void add_folder(struct writer *w, int fd, const struct stat *st)
{
	size_t length = strlen(w->name);
	if (length == 0 || w->name[length - 1] != '/')
		strcpy(w->name + length, "/");
	bool other = w->single || (w->one_mount && mount_of(fd) != w->mount);
	write_entry(w, st, fd, NULL, true);
	if (w->layer && is_opaque(w, fd))
		write_marker(w, ".wh..wh..opq");
	if (!other && !is_kernel_view(fd))
		add_below(w, fd);
	w->name[length] = '\0';
}

/* `part` of the folder `parent`, whose name in the tar is in w->name. Vanished things are left out. */
static void add_named(struct writer *w, int parent, const char *part)
{
	struct stat st;
	char link[UNPACK_PATH_MAX];
	if (fstatat(parent, part, &st, AT_SYMLINK_NOFOLLOW) < 0) {
		if (errno == ENOENT)
			return;
		fail(KIND_IO, "look up", errno, "cannot look up %s", w->name);
	}
	if (S_ISSOCK(st.st_mode) || is_skipped(w))
		return;
	if (w->layer && is_whiteout(&st)) {
		size_t length = strlen(w->name) - strlen(part);
		w->name[length] = '\0';
		char marker[300];
		snprintf(marker, sizeof marker, WHITEOUT "%s", part);
		write_marker(w, marker);
	} else if (S_ISREG(st.st_mode) || S_ISDIR(st.st_mode)) {
		int kind = S_ISDIR(st.st_mode) ? O_DIRECTORY : 0;
		int fd = openat(parent, part, O_RDONLY | O_NOFOLLOW | O_NONBLOCK | O_CLOEXEC | kind);
		if (fd < 0 && (errno == ENOENT || errno == ENOTDIR || errno == ELOOP))
			return;
		if (fd < 0 || fstat(fd, &st) < 0)
			fail(KIND_IO, "open", errno, "cannot open %s", w->name);
		if (S_ISDIR(st.st_mode))
			add_folder(w, fd, &st);
		else if (S_ISREG(st.st_mode))
			write_entry(w, &st, fd, NULL, !w->one_mount || mount_of(fd) == w->mount);
		close(fd);
	} else if (S_ISLNK(st.st_mode)) {
		ssize_t n = readlinkat(parent, part, link, sizeof link - 1);
		if (n < 0)
			return;
		link[n] = '\0';
		write_entry(w, &st, -1, link, false);
	} else {
		write_entry(w, &st, -1, NULL, false);
	}
}

/* One asked-for thing: `path` of the view, called `name` in the tar; of a folder without a name only what is in it. */
static void add_item(struct writer *w, int root, const char *path, const char *name)
{
	int found = path_find(root, path, false);
	struct stat st;
	if (found < 0 || fstat(found, &st) < 0)
		path_fail(path);
	if (is_kernel_view(found))
		fail(KIND_REFUSED, "read", 0, "%s is not a file but the kernel's view of the machine", path);
	close(found);
	if (strlen(name) >= UNPACK_PATH_MAX)
		fail(KIND_LIMIT, "read", 0, "a name is longer than %d bytes", UNPACK_PATH_MAX);
	strcpy(w->name, name);
	if (S_ISDIR(st.st_mode)) {
		int fd = path_open(root, path, O_RDONLY | O_DIRECTORY);
		if (fd < 0 || fstat(fd, &st) < 0)
			path_fail(path);
		if (name[0])
			add_folder(w, fd, &st);
		else
			add_below(w, fd);
		close(fd);
		return;
	}
	char parent_path[UNPACK_PATH_MAX];
	const char *slash = strrchr(path, '/');
	snprintf(parent_path, sizeof parent_path, "%.*s", slash ? (int)(slash - path + 1) : 0, path);
	int parent = path_open(root, slash ? parent_path : "/", O_RDONLY | O_DIRECTORY);
	if (parent < 0)
		path_fail(path);
	add_named(w, parent, slash ? slash + 1 : path);
	close(parent);
}

static void begin(struct writer *w)
{
	w->tar = archive_write_new();
	/* Go and others read attributes in this one form. */
	if (!w->tar || archive_write_set_format_pax_restricted(w->tar) != ARCHIVE_OK ||
	    archive_write_set_options(w->tar, "pax:xattrheader=SCHILY") != ARCHIVE_OK)
		fail(KIND_IO, "begin tar", 0, "cannot begin: %s", w->tar ? archive_error_string(w->tar) : "no memory");
	archive_write_set_bytes_per_block(w->tar, OUT_BYTES);
	archive_write_set_bytes_in_last_block(w->tar, 512);
	if (archive_write_open(w->tar, w, NULL, write_tar, NULL) != ARCHIVE_OK)
		fail(KIND_IO, "begin tar", 0, "cannot begin: %s", archive_error_string(w->tar));
}

static void finish(struct writer *w)
{
	char digest[65] = "";
	strcpy(w->name, "the end");
	check(w, archive_write_close(w->tar));
	if (w->hash) {
		unsigned char sum[32];
		EVP_DigestFinal_ex(w->hash, sum, NULL);
		for (int i = 0; i < 32; i++)
			sprintf(digest + 2 * i, "%02x", sum[i]);
	}
	report("done", "\"bytes\":%llu,\"entries\":%llu,\"fileBytes\":%llu,\"digest\":\"%s\"", (unsigned long long)w->bytes,
	       (unsigned long long)w->entries, (unsigned long long)w->file_bytes, digest);
}

static void begin_hash(struct writer *w)
{
	w->hash = EVP_MD_CTX_new();
	if (!w->hash || EVP_DigestInit_ex(w->hash, EVP_sha256(), NULL) != 1)
		fail(KIND_IO, "hash", ENOMEM, "cannot begin");
}

/* One changed path of a folder that holds everything: itself, or the mark of its deletion. */
static void add_change(struct writer *w, int root, char kind, const char *path)
{
	const char *slash = strrchr(path, '/');
	if (strlen(path) >= UNPACK_PATH_MAX || strncmp(slash ? slash + 1 : path, WHITEOUT, 4) == 0)
		fail(KIND_REFUSED, "read layer", 0, "%.80s: a layer cannot have this name", path);
	if (kind == 'D') {
		char marker[300];
		snprintf(w->name, sizeof w->name, "%.*s", slash ? (int)(slash - path + 1) : 0, path);
		snprintf(marker, sizeof marker, WHITEOUT "%s", slash ? slash + 1 : path);
		write_marker(w, marker);
		return;
	}
	char above[UNPACK_PATH_MAX];
	snprintf(above, sizeof above, "/%.*s", slash ? (int)(slash - path) : 0, path);
	int parent = path_open(root, above, O_RDONLY | O_DIRECTORY);
	if (parent < 0)
		path_fail(path);
	strcpy(w->name, path);
	add_named(w, parent, slash ? slash + 1 : path);
	close(parent);
}

void archive_changes(int root)
{
	static struct writer w;
	char *record = NULL;
	size_t room = 0;
	w.single = true;
	begin_hash(&w);
	begin(&w);
	while (getdelim(&record, &room, '\0', stdin) > 1)
		add_change(&w, root, record[0], record + 1);
	finish(&w);
}

void archive_get(int root, int argc, char **argv, bool layer)
{
	static struct writer w;
	w.layer = layer;
	if (layer) {
		w.fuse = strcmp(argv[0], "fuse") == 0;
		w.skip = argv + 1;
		w.skip_count = argc - 1;
		begin_hash(&w);
		begin(&w);
		/* The root itself is no part of the change; its owner and mode stay those of the layers below. */
		if (is_opaque(&w, root))
			fail(KIND_IO, "read layer", 0, "the root of the container is opaque");
		add_below(&w, root);
	} else {
		w.one_mount = strcmp(argv[0], "onemount") == 0;
		w.mount = mount_of(root);
		begin(&w);
		for (int i = 1; i + 1 < argc; i += 2)
			add_item(&w, root, argv[i], argv[i + 1]);
	}
	finish(&w);
}
