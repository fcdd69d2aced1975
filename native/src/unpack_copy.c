/*
 * Copies a folder of an image into a volume. The layers are put together by overlayfs itself, in a mount namespace that ends with
 * this process, so whiteouts, opaque folders and shadowing are the kernel's own; the copy walks by descriptors and follows no link.
 */
#include "unpack.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <linux/openat2.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mount.h>
#include <sys/syscall.h>
#include <sys/xattr.h>
#include <unistd.h>

struct linked {
	struct linked *next;
	ino_t inode;
	/* Where the copy lies. */
	int folder;
	char name[256];
};
struct copier {
	struct linked *linked;
	uint64_t entries, bytes;
	int depth;
};

static void copy_folder(struct copier *c, int from, int to);

/* Mounts the stack read-only over `target` and returns a descriptor of its root. The mount is seen by this process alone. */
static int mount_stack(const char *target, char **lowers, int count)
{
	if (count == 1) {
		int fd = open(lowers[0], O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
		if (fd < 0)
			fail(KIND_IO, "open layer", errno, "cannot open %s", lowers[0]);
		return fd;
	}
	/* Short names below a tmpfs keep the option string within one page for any number of layers. */
	if (mount("tmpfs", target, "tmpfs", MS_NOSUID | MS_NODEV | MS_NOEXEC, "size=1m,mode=700") < 0 || chdir(target) < 0)
		fail(KIND_IO, "mount tmpfs", errno, "cannot prepare the copy");
	char options[4096] = "lowerdir=";
	size_t at = strlen(options);
	for (int i = 0; i < count; i++) {
		char name[16];
		snprintf(name, sizeof name, "%x", (unsigned)i);
		if (mkdir(name, 0700) < 0 || mount(lowers[i], name, NULL, MS_BIND, NULL) < 0)
			fail(KIND_IO, "bind layer", errno, "cannot bind %s", lowers[i]);
		at += (size_t)snprintf(options + at, sizeof options - at, "%s%s", i ? ":" : "", name);
		if (at >= sizeof options - 16)
			fail(KIND_LIMIT, "mount overlay", 0, "more layers than one mount can take");
	}
	if (mkdir("m", 0700) < 0 || mount("overlay", "m", "overlay", MS_RDONLY | MS_NOSUID | MS_NODEV | MS_NOEXEC, options) < 0)
		fail(KIND_IO, "mount overlay", errno, "cannot put the layers together");
	int fd = open("m", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	if (fd < 0)
		fail(KIND_IO, "open overlay", errno, "cannot open the layers");
	/* Uncover the target; the descriptor keeps the overlay alive. */
	if (chdir("/") < 0 || umount2(target, MNT_DETACH) < 0)
		fail(KIND_IO, "umount", errno, "cannot uncover the target");
	return fd;
}

static void copy_xattrs(int from, int to)
{
	static __thread char names[UNPACK_XATTR_MAX], value[UNPACK_XATTR_MAX];
	ssize_t length = flistxattr(from, names, sizeof names);
	for (char *name = names; length > 0 && name < names + length; name += strlen(name) + 1) {
		if (!xattr_allowed(name))
			continue;
		ssize_t size = fgetxattr(from, name, value, sizeof value);
		if (size >= 0 && fsetxattr(to, name, value, (size_t)size, 0) < 0 && errno != EOPNOTSUPP)
			fail(KIND_IO, "set attributes", errno, "cannot set %s", name);
	}
}

static void copy_identity(int from, int to, const struct stat *st)
{
	struct timespec times[2] = {st->st_atim, st->st_mtim};
	if (fchown(to, st->st_uid, st->st_gid) < 0 || fchmod(to, st->st_mode & 07777) < 0)
		fail(KIND_IO, "set owner", errno, "cannot set the owner of a copied file");
	copy_xattrs(from, to);
	futimens(to, times);
}

/* Shares the blocks where the file system can, else the kernel copies. False: not between these two. */
static bool copy_in_kernel(int from, int to, const char *name)
{
	for (bool begun = false;; begun = true) {
		ssize_t n = copy_file_range(from, NULL, to, NULL, 1u << 30, 0);
		if (n == 0 && begun)
			return true;
		if (n == 0 || (n < 0 && !begun && (errno == EXDEV || errno == EINVAL || errno == EOPNOTSUPP || errno == ENOSYS)))
			return false; /* what tells no size beforehand reads as empty: look again with read(2) */
		if (n < 0)
			fail(KIND_IO, "copy", errno, "cannot copy %s", name);
	}
}

static void copy_bytes(int from, int to, const char *name)
{
	static char buffer[256 * 1024];
	if (copy_in_kernel(from, to, name))
		return;
	for (;;) {
		ssize_t n = read(from, buffer, sizeof buffer);
		if (n == 0)
			return;
		if (n < 0)
			fail(KIND_IO, "read", errno, "cannot read %s", name);
		for (ssize_t done = 0; done < n;) {
			ssize_t w = write(to, buffer + done, (size_t)(n - done));
			if (w < 0)
				fail(KIND_IO, "write", errno, "cannot write %s", name);
			done += w;
		}
	}
}

/* True when the file has been copied under another name and is now linked to that. */
static bool link_again(struct copier *c, const struct stat *st, int to, const char *name)
{
	for (struct linked *l = c->linked; st->st_nlink > 1 && l; l = l->next) {
		if (l->inode != st->st_ino)
			continue;
		if (linkat(l->folder, l->name, to, name, 0) < 0)
			fail(KIND_IO, "hard link", errno, "cannot link %s", name);
		return true;
	}
	return false;
}

static void remember_link(struct copier *c, const struct stat *st, int to, const char *name)
{
	if (st->st_nlink < 2)
		return;
	struct linked *l = malloc(sizeof *l);
	int folder = fcntl(to, F_DUPFD_CLOEXEC, 0);
	if (!l || folder < 0)
		fail(KIND_IO, "hard link", errno, "cannot remember %s", name);
	*l = (struct linked){.next = c->linked, .inode = st->st_ino, .folder = folder};
	snprintf(l->name, sizeof l->name, "%s", name);
	c->linked = l;
}

static void copy_file(struct copier *c, int from, int to, const char *name)
{
	int in = openat(from, name, O_RDONLY | O_NOFOLLOW | O_CLOEXEC | O_NONBLOCK);
	struct stat st;
	if (in < 0 || fstat(in, &st) < 0)
		fail(KIND_IO, "open", errno, "cannot open %s", name);
	if (!link_again(c, &st, to, name)) {
		int out = openat(to, name, O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC, 0600);
		if (out < 0)
			fail(KIND_IO, "make file", errno, "cannot make %s", name);
		copy_bytes(in, out, name);
		copy_identity(in, out, &st);
		if (close(out) < 0)
			fail(KIND_IO, "write", errno, "cannot write %s", name);
		remember_link(c, &st, to, name);
		c->bytes += (uint64_t)st.st_size;
	}
	close(in);
}

static void copy_special(int from, int to, const char *name, const struct stat *st)
{
	if (S_ISLNK(st->st_mode)) {
		char target[UNPACK_PATH_MAX];
		ssize_t n = readlinkat(from, name, target, sizeof target - 1);
		if (n < 0)
			fail(KIND_IO, "read link", errno, "cannot read %s", name);
		target[n] = '\0';
		if (symlinkat(target, to, name) < 0)
			fail(KIND_IO, "make link", errno, "cannot make %s", name);
	} else if (S_ISFIFO(st->st_mode)) {
		if (mknodat(to, name, st->st_mode, 0) < 0)
			fail(KIND_IO, "make fifo", errno, "cannot make %s", name);
	} else {
		return; /* devices and sockets stay behind, as in layers */
	}
	struct timespec times[2] = {st->st_atim, st->st_mtim};
	if (fchownat(to, name, st->st_uid, st->st_gid, AT_SYMLINK_NOFOLLOW) < 0)
		fail(KIND_IO, "set owner", errno, "cannot set the owner of %s", name);
	utimensat(to, name, times, AT_SYMLINK_NOFOLLOW);
}

static void copy_entry(struct copier *c, int from, int to, const char *name)
{
	struct stat st;
	if (fstatat(from, name, &st, AT_SYMLINK_NOFOLLOW) < 0)
		fail(KIND_IO, "look up", errno, "cannot look up %s", name);
	c->entries++;
	if (S_ISREG(st.st_mode)) {
		copy_file(c, from, to, name);
	} else if (S_ISDIR(st.st_mode)) {
		int in = openat(from, name, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
		if (in < 0 || mkdirat(to, name, 0700) < 0)
			fail(KIND_IO, "make folder", errno, "cannot make %s", name);
		int out = openat(to, name, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
		if (out < 0)
			fail(KIND_IO, "open folder", errno, "cannot open %s", name);
		copy_folder(c, in, out);
		close(out);
	} else {
		copy_special(from, to, name, &st);
	}
}

/* Takes over `from`. */
static void copy_folder(struct copier *c, int from, int to)
{
	if (++c->depth > UNPACK_DEPTH_MAX)
		fail(KIND_LIMIT, "copy", 0, "the folder is more than %d levels deep", UNPACK_DEPTH_MAX);
	struct stat st;
	DIR *dir = fdopendir(from);
	if (!dir || fstat(from, &st) < 0)
		fail(KIND_IO, "read folder", errno, "cannot read a folder of the image");
	for (struct dirent *entry; (entry = readdir(dir));)
		if (strcmp(entry->d_name, ".") != 0 && strcmp(entry->d_name, "..") != 0)
			copy_entry(c, from, to, entry->d_name);
	copy_identity(from, to, &st);
	closedir(dir);
	c->depth--;
}

void unpack_copy(const char *target, const char *path, char **lowers, int count, bool flush)
{
	int stack = mount_stack(target, lowers, count);
	struct open_how how = {
	    .flags = O_RDONLY | O_DIRECTORY | O_CLOEXEC,
	    .resolve = RESOLVE_IN_ROOT | RESOLVE_NO_MAGICLINKS | RESOLVE_NO_XDEV,
	};
	int from = (int)syscall(SYS_openat2, stack, path, &how, sizeof how);
	if (from < 0 && errno != ENOENT && errno != ENOTDIR && errno != ELOOP)
		fail(KIND_IO, "open folder", errno, "cannot open %s of the image", path);
	if (from < 0) {
		report("done", "\"copied\":false");
		return;
	}
	struct copier copier = {0};
	int to = sandbox_enter(target);
	sandbox_close();
	copy_folder(&copier, from, to);
	if (flush && syncfs(to) < 0)
		fail(KIND_IO, "sync", errno, "cannot bring the copy to the disk");
	report("done", "\"copied\":true,\"entries\":%llu,\"bytes\":%llu", (unsigned long long)copier.entries, (unsigned long long)copier.bytes);
}
