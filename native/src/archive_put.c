/*
 * put PATH FLAGS OWNER MODE MAXBYTES MAXRATIO MAXENTRIES RESERVE IDS: writes a tar (plain, gzip, zstd, xz or bzip2) below the folder PATH.
 *
 *   FLAGS  mkdir   make PATH when it is missing
 *          strict  a folder is never replaced by something else, nor something else by a folder
 *          follow  a link to a folder takes the place of a folder of the tar
 *   OWNER  UID:GID for everything that is written, or - for the tar's own
 *   MODE   octal, for files and folders, or -
 *   IDS    how many ids the view has: no file may belong to an id that is nobody's
 */
#include "archive_tool.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/statvfs.h>
#include <sys/vfs.h>
#include <sys/xattr.h>
#include <unistd.h>

struct folder_time {
	struct folder_time *next;
	struct timespec mtime;
	char path[];
};

struct put {
	int root;
	bool make, strict, follow, self;
	int64_t uid, gid; /* -1: the tar's */
	long mode;	  /* -1: the tar's */
	uint64_t ids;
	const struct unpack_limits *limits;
	struct stream *stream;
	struct archive *tar;
	uint64_t entries, file_bytes, skipped;
	char base[UNPACK_PATH_MAX];
	/* The folder of the last entry, as most come in order. */
	char parent_path[2 * UNPACK_PATH_MAX];
	int parent;
	struct folder_time *times; /* set last: what is made in a folder changes its time */
};

static _Noreturn void fail_write(const char *step, const char *path)
{
	if (errno == EROFS)
		fail(KIND_READONLY, step, errno, "%s lies on a read-only file system", path);
	fail(errno == EBUSY || errno == EINVAL || errno == EOVERFLOW ? KIND_REFUSED : KIND_IO, step, errno, "cannot write %s", path);
}

static void check_ids(const struct put *p, int64_t uid, int64_t gid, const char *path)
{
	if (uid < 0 || gid < 0 || (uint64_t)uid >= p->ids || (uint64_t)gid >= p->ids)
		fail(KIND_REFUSED, "set owner", 0, "%s belongs to %lld:%lld, and a container has the ids 0 to %llu", path, (long long)uid, (long long)gid,
		     (unsigned long long)p->ids - 1);
}

static void owner_of(const struct put *p, struct archive_entry *entry, const char *path, uid_t *uid, gid_t *gid)
{
	int64_t u = p->uid >= 0 ? p->uid : archive_entry_uid(entry), g = p->gid >= 0 ? p->gid : archive_entry_gid(entry);
	check_ids(p, u, g, path);
	*uid = (uid_t)u;
	*gid = (gid_t)g;
}

/* The folder `path`, made with all that is missing above it; new ones belong to the given owner, else to root. */
static int make_folders(const struct put *p, const char *path)
{
	char part[2 * UNPACK_PATH_MAX];
	for (const char *at = path + strspn(path, "/"); *at;) {
		size_t end = (size_t)(at - path) + strcspn(at, "/");
		snprintf(part, sizeof part, "%.*s", (int)end, path);
		int there = path_open(p->root, part, O_PATH | O_DIRECTORY);
		if (there < 0 && errno == ENOENT) {
			char *slash = strrchr(part, '/');
			char name[256];
			if (snprintf(name, sizeof name, "%s", slash ? slash + 1 : part) >= (int)sizeof name)
				fail(KIND_LIMIT, "make folder", 0, "%.80s… has a part longer than 255 bytes", path);
			part[slash ? (size_t)(slash - part) : 0] = '\0';
			int above = path_open(p->root, part[0] ? part : "/", O_RDONLY | O_DIRECTORY);
			if (above < 0)
				path_fail(part);
			if (mkdirat(above, name, 0755) < 0 && errno != EEXIST)
				fail_write("make folder", path);
			if (p->uid >= 0 && fchownat(above, name, (uid_t)p->uid, (gid_t)p->gid, AT_SYMLINK_NOFOLLOW) < 0)
				fail_write("set owner", path);
			close(above);
		} else if (there < 0) {
			if (errno == ENOTDIR)
				fail(KIND_REFUSED, "make folder", 0, "%s is not a folder", part);
			path_fail(part);
		} else {
			close(there);
		}
		at = path + end + strspn(path + end, "/");
	}
	int fd = path_open(p->root, path, O_RDONLY | O_DIRECTORY);
	if (fd < 0)
		path_fail(path);
	return fd;
}

/* Descriptor of the folder that holds the entry's last part; kept by `p`. Its path is left in p->parent_path. */
static int parent_of(struct put *p, const struct tree_name *name)
{
	static char path[2 * UNPACK_PATH_MAX];
	size_t at = (size_t)snprintf(path, sizeof path, "%s", p->base);
	for (int i = 0; i + 1 < name->count; i++)
		at += (size_t)snprintf(path + at, sizeof path - at, "/%s", name->parts[i]);
	if (path[0] == '\0')
		strcpy(path, "/"); /* of the root's own path nothing is left */
	if (p->parent >= 0 && strcmp(path, p->parent_path) == 0)
		return p->parent;
	if (p->parent >= 0)
		close(p->parent);
	p->parent = path_open(p->root, path[0] ? path : "/", O_RDONLY | O_DIRECTORY);
	if (p->parent < 0)
		p->parent = make_folders(p, path);
	if (is_kernel_view(p->parent))
		fail(KIND_REFUSED, "write", 0, "%s is not a folder of files but the kernel's view of the machine", path);
	strcpy(p->parent_path, path);
	return p->parent;
}

static void remove_tree(int parent, const char *name, const char *path, int depth)
{
	if (depth > ARCHIVE_DEPTH_MAX)
		fail(KIND_LIMIT, "replace", 0, "%s is more than %d folders deep", path, ARCHIVE_DEPTH_MAX);
	if (unlinkat(parent, name, 0) == 0 || errno == ENOENT)
		return;
	if (errno != EISDIR)
		fail_write("replace", path);
	int fd = openat(parent, name, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
	if (fd < 0)
		fail_write("replace", path);
	char **names = folder_names(fd, path);
	for (char **each = names; *each; each++) {
		remove_tree(fd, *each, path, depth + 1);
		free(*each);
	}
	free(names);
	close(fd);
	if (unlinkat(parent, name, AT_REMOVEDIR) < 0)
		fail_write("replace", path);
}

static bool leads_to_folder(const struct put *p, const char *part)
{
	char path[2 * UNPACK_PATH_MAX + 512];
	snprintf(path, sizeof path, "%s/%s", p->parent_path, part);
	int fd = path_open(p->root, path, O_PATH | O_DIRECTORY);
	if (fd >= 0)
		close(fd);
	return fd >= 0;
}

enum room { ROOM_FREE, ROOM_FOLDER, ROOM_IN_PLACE };

/* Clears the way for an entry; says when a folder is to be kept, or a file that something is mounted on is to be written in place. */
static enum room make_room(struct put *p, int parent, const char *part, struct archive_entry *entry, const char *path)
{
	struct stat st;
	bool folder = archive_entry_filetype(entry) == AE_IFDIR && !archive_entry_hardlink(entry);
	if (fstatat(parent, part, &st, AT_SYMLINK_NOFOLLOW) < 0) {
		if (errno == ENOENT)
			return ROOM_FREE;
		fail_write("look up", path);
	}
	if (folder && (S_ISDIR(st.st_mode) || (p->follow && S_ISLNK(st.st_mode) && leads_to_folder(p, part))))
		return ROOM_FOLDER;
	if (p->strict && S_ISDIR(st.st_mode))
		fail(KIND_REFUSED, "replace", 0, "cannot overwrite directory \"%s\" with non-directory", path);
	if (p->strict && folder)
		fail(KIND_REFUSED, "replace", 0, "cannot overwrite non-directory \"%s\" with directory", path);
	if (S_ISREG(st.st_mode) && archive_entry_filetype(entry) == AE_IFREG && !archive_entry_hardlink(entry)) {
		if (unlinkat(parent, part, 0) == 0)
			return ROOM_FREE;
		if (errno == EBUSY)
			return ROOM_IN_PLACE;
		fail_write("replace", path);
	}
	if (S_ISDIR(st.st_mode)) {
		close(p->parent);
		p->parent = -1;
		parent = path_open(p->root, p->parent_path[0] ? p->parent_path : "/", O_RDONLY | O_DIRECTORY);
		if (parent < 0)
			path_fail(path);
		p->parent = parent;
	}
	remove_tree(parent, part, path, 0);
	return ROOM_FREE;
}

static void set_xattrs(int fd, struct archive_entry *entry, const char *path)
{
	const char *name;
	const void *value;
	size_t size;
	if (archive_entry_xattr_count(entry) == 0)
		return;
	archive_entry_xattr_reset(entry);
	while (archive_entry_xattr_next(entry, &name, &value, &size) == ARCHIVE_OK) {
		if (!name || !xattr_allowed(name) || fsetxattr(fd, name, value, size, 0) == 0)
			continue;
		/* A file system without such attributes costs the attribute and not the copy. */
		if (errno != EOPNOTSUPP && errno != EINVAL && errno != EPERM)
			fail_write("set attributes", path);
	}
}

static struct timespec time_of(struct archive_entry *entry)
{
	return (struct timespec){archive_entry_mtime(entry), archive_entry_mtime_nsec(entry)};
}

static void set_identity(struct put *p, int fd, struct archive_entry *entry, const char *path)
{
	uid_t uid;
	gid_t gid;
	owner_of(p, entry, path, &uid, &gid);
	if (fchown(fd, uid, gid) < 0)
		fail_write("set owner", path);
	/* chown drops setuid and setgid, so the mode comes after it. */
	if (fchmod(fd, p->mode >= 0 ? (mode_t)p->mode : archive_entry_perm(entry) & 07777) < 0)
		fail_write("set mode", path);
	set_xattrs(fd, entry, path);
}

static void put_file(struct put *p, int parent, const char *part, struct archive_entry *entry, const char *path)
{
	enum room room = make_room(p, parent, part, entry, path);
	parent = p->parent;
	int64_t size = archive_entry_size(entry);
	if (size < 0 || (p->file_bytes += (uint64_t)size) > p->limits->max_bytes)
		fail(KIND_SIZE, "write", 0, "the files are larger than the limit of %llu bytes", (unsigned long long)p->limits->max_bytes);
	int how = room == ROOM_IN_PLACE ? O_TRUNC | O_NONBLOCK : O_CREAT | O_EXCL;
	int fd = openat(parent, part, O_WRONLY | O_NOFOLLOW | O_CLOEXEC | how, 0600);
	if (fd < 0)
		fail_write("make file", path);
	stream_forgive_end(p->stream, size);
	uint64_t written = size ? stream_copy_data(p->stream, p->tar, fd, path, NULL, NULL) : 0;
	if (written < (uint64_t)size && ftruncate(fd, size) < 0)
		fail_write("write", path);
	set_identity(p, fd, entry, path);
	struct timespec times[2] = {time_of(entry), time_of(entry)};
	futimens(fd, times);
	if (close(fd) < 0)
		fail_write("write", path);
}

static void remember_time(struct put *p, const char *path, struct timespec mtime)
{
	struct folder_time *t = malloc(sizeof *t + strlen(path) + 1);
	if (!t)
		fail(KIND_IO, "memory", ENOMEM, "too many folders");
	t->mtime = mtime;
	t->next = p->times;
	strcpy(t->path, path);
	p->times = t;
}

static void put_folder(struct put *p, int parent, const char *part, struct archive_entry *entry, const char *path)
{
	bool kept = make_room(p, parent, part, entry, path) == ROOM_FOLDER;
	char full[2 * UNPACK_PATH_MAX + 512];
	snprintf(full, sizeof full, "%s/%s", p->parent_path, part);
	if (!kept && mkdirat(p->parent, part, 0700) < 0)
		fail_write("make folder", path);
	int fd = path_open(p->root, full, O_RDONLY | O_DIRECTORY | (p->follow ? 0 : O_NOFOLLOW));
	if (fd < 0)
		fail_write("open folder", path);
	set_identity(p, fd, entry, path);
	close(fd);
	remember_time(p, full, time_of(entry));
}

/* A hard link names another entry of the tar; the name is taken below the same folder, whatever it says. */
static void put_hard_link(struct put *p, const struct tree_name *name, struct archive_entry *entry, const char *path)
{
	static struct tree_name target;
	const char *text = archive_entry_hardlink(entry);
	tree_parse(&target, text + strspn(text, "/"), "the target of a hard link");
	if (target.count == 0)
		fail(KIND_REFUSED, "hard link", 0, "\"%s\" is a hard link to a folder", path);
	int from = fcntl(parent_of(p, &target), F_DUPFD_CLOEXEC, 0);
	int parent = parent_of(p, name);
	const char *part = name->parts[name->count - 1];
	struct stat st, old;
	if (from < 0 || fstatat(from, target.parts[target.count - 1], &st, AT_SYMLINK_NOFOLLOW) < 0 || S_ISDIR(st.st_mode))
		fail(KIND_REFUSED, "hard link", 0, "\"%s\" is a hard link to \"%s\", which is no file", path, text);
	bool same = fstatat(parent, part, &old, AT_SYMLINK_NOFOLLOW) == 0 && old.st_ino == st.st_ino && old.st_dev == st.st_dev;
	if (!same) {
		make_room(p, parent, part, entry, path);
		if (linkat(from, target.parts[target.count - 1], p->parent, part, 0) < 0)
			fail_write("hard link", path);
	}
	close(from);
}

/* Links, FIFOs and device nodes: things without a descriptor of their own. Nodes stay out where the container could not make them. */
static void put_special(struct put *p, int parent, const char *part, struct archive_entry *entry, const char *path)
{
	const char *target = archive_entry_symlink(entry);
	bool link = archive_entry_filetype(entry) == AE_IFLNK;
	uid_t uid;
	gid_t gid;
	if (link && (!target || !*target || strlen(target) >= UNPACK_PATH_MAX))
		fail(KIND_REFUSED, "symbolic link", 0, "\"%s\" is a symbolic link to nothing or to too long a name", path);
	if (archive_entry_filetype(entry) == AE_IFSOCK) {
		p->skipped++;
		return;
	}
	owner_of(p, entry, path, &uid, &gid);
	make_room(p, parent, part, entry, path);
	mode_t mode = archive_entry_mode(entry);
	if (link ? symlinkat(target, p->parent, part) < 0 : mknodat(p->parent, part, mode, S_ISFIFO(mode) ? 0 : archive_entry_rdev(entry)) < 0) {
		if (errno == EPERM && !link && !S_ISFIFO(mode)) {
			p->skipped++;
			return;
		}
		fail_write("make special file", path);
	}
	if (fchownat(p->parent, part, uid, gid, AT_SYMLINK_NOFOLLOW) < 0)
		fail_write("set owner", path);
	struct timespec times[2] = {time_of(entry), time_of(entry)};
	utimensat(p->parent, part, times, AT_SYMLINK_NOFOLLOW);
}

static void put_self(struct put *p, struct archive_entry *entry)
{
	uid_t uid;
	gid_t gid;
	owner_of(p, entry, "/", &uid, &gid);
	if (fchown(p->root, uid, gid) < 0 || fchmod(p->root, archive_entry_perm(entry) & 07777) < 0)
		fail_write("set owner", "/");
}

static void put_entry(struct put *p, struct archive_entry *entry)
{
	static struct tree_name name;
	const char *path = archive_entry_pathname(entry);
	path = path ? path + strspn(path, "/") : "";
	tree_parse(&name, *path ? path : ".", "an entry");
	if (name.count == 0) {
		/* The folder itself is there and stays as it is, unless it is the whole thing that is restored. */
		if (p->self && archive_entry_filetype(entry) == AE_IFDIR)
			put_self(p, entry);
		return;
	}
	mode_t type = archive_entry_filetype(entry);
	if (archive_entry_hardlink(entry)) {
		put_hard_link(p, &name, entry, path);
		return;
	}
	int parent = parent_of(p, &name);
	const char *part = name.parts[name.count - 1];
	if (type == AE_IFREG)
		put_file(p, parent, part, entry, path);
	else if (type == AE_IFDIR)
		put_folder(p, parent, part, entry, path);
	else
		put_special(p, parent, part, entry, path);
}

static void set_times(struct put *p)
{
	for (struct folder_time *t = p->times; t; t = t->next) {
		int fd = path_open(p->root, t->path, O_RDONLY | O_DIRECTORY);
		struct timespec times[2] = {t->mtime, t->mtime};
		if (fd >= 0) {
			futimens(fd, times);
			close(fd);
		}
	}
}

static void parse_owner(struct put *p, const char *text)
{
	p->uid = p->gid = -1;
	if (strcmp(text, "-") == 0)
		return;
	if (sscanf(text, "%ld:%ld", &p->uid, &p->gid) != 2)
		fail(KIND_REFUSED, "set owner", 0, "%s is not UID:GID", text);
	check_ids(p, p->uid, p->gid, "everything");
}

/* Opens PATH and makes sure that it may be written to. */
static void open_target(struct put *p, const char *path)
{
	struct statvfs fs;
	snprintf(p->base, sizeof p->base, "%s", path_resolve(p->root, path));
	int fd = path_open(p->root, p->base, O_RDONLY | O_DIRECTORY);
	if (fd < 0 && errno == ENOTDIR)
		fail(KIND_REFUSED, "open folder", 0, "extraction point is not a directory: %s", path);
	if (fd < 0 && p->make)
		fd = make_folders(p, p->base);
	if (fd < 0)
		path_fail(path);
	if (is_kernel_view(fd))
		fail(KIND_REFUSED, "open folder", 0, "%s is not a folder of files but the kernel's view of the machine", path);
	if (fstatvfs(fd, &fs) == 0 && (fs.f_flag & ST_RDONLY))
		fail(KIND_READONLY, "open folder", EROFS, "%s lies on a read-only file system", path);
	check_reserve(fd, p->limits);
	p->parent = fd;
	strcpy(p->parent_path, p->base);
	/* "/" plus "/name" */
	if (strcmp(p->base, "/") == 0)
		p->base[0] = p->parent_path[0] = '\0';
}

void archive_put(int root, char **argv)
{
	static struct put p;
	static struct unpack_limits limits;
	limits = (struct unpack_limits){parse_number(argv[4]), parse_number(argv[5]), parse_number(argv[6]), parse_number(argv[7])};
	p = (struct put){.root = root, .limits = &limits, .parent = -1, .ids = parse_number(argv[8])};
	p.make = strstr(argv[1], "mkdir") != NULL;
	p.strict = strstr(argv[1], "strict") != NULL;
	p.follow = strstr(argv[1], "follow") != NULL;
	p.self = strstr(argv[1], "self") != NULL;
	p.mode = strcmp(argv[3], "-") == 0 ? -1 : strtol(argv[3], NULL, 8);
	parse_owner(&p, argv[2]);
	open_target(&p, argv[0]);
	p.stream = stream_open(STDIN_FILENO, &limits, false, NULL);
	p.tar = stream_tar(p.stream);
	for (struct archive_entry *entry; !stream_was_cut(p.stream) && (entry = stream_next(p.tar, &limits, &p.entries));) {
		put_entry(&p, entry);
		stream_progress(p.stream);
	}
	set_times(&p);
	struct stream_result result = stream_finish(p.stream);
	report("done", "\"bytes\":%llu,\"entries\":%llu,\"fileBytes\":%llu,\"skipped\":%llu", (unsigned long long)result.given_bytes,
	       (unsigned long long)p.entries, (unsigned long long)p.file_bytes, (unsigned long long)p.skipped);
}

void archive_mkdir(int root, char **argv)
{
	static struct put p;
	p = (struct put){.root = root, .parent = -1, .ids = parse_number(argv[2])};
	parse_owner(&p, argv[1]);
	const char *path = path_resolve(root, argv[0]);
	int there = path_open(root, path, O_PATH | O_DIRECTORY);
	if (there < 0)
		make_folders(&p, path);
	report("done", "\"made\":%s", there < 0 ? "true" : "false");
}
