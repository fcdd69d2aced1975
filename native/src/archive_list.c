/* What is there, told as events: one thing, or everything below a folder. */
#include "archive_tool.h"

#include <errno.h>
#include <fcntl.h>
#include <openssl/evp.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

static const char *type_of(mode_t mode)
{
	return S_ISREG(mode) ? "file" : S_ISDIR(mode) ? "folder" : S_ISLNK(mode) ? "link" : "special";
}

void archive_stat(int root, const char *path, bool follow)
{
	struct stat st;
	char target[UNPACK_PATH_MAX] = "";
	int fd = path_find(root, path, follow);
	if (fd < 0 || fstat(fd, &st) < 0)
		path_fail(path);
	if (S_ISLNK(st.st_mode))
		snprintf(target, sizeof target, "%s", path_resolve(root, path));
	report("done", "\"type\":\"%s\",\"mode\":%u,\"size\":%lld,\"mtime\":%lld,\"mtimeNs\":%ld,\"uid\":%u,\"gid\":%u,\"target\":\"%s\"",
	       type_of(st.st_mode), (unsigned)st.st_mode, (long long)st.st_size, (long long)st.st_mtim.tv_sec, st.st_mtim.tv_nsec,
	       (unsigned)st.st_uid, (unsigned)st.st_gid, json(target));
}

static int open_file(int root, const char *path, struct stat *st)
{
	int fd = path_open(root, path, O_RDONLY | O_NONBLOCK);
	if (fd < 0)
		path_fail(path);
	if (fstat(fd, st) < 0 || !S_ISREG(st->st_mode))
		fail(KIND_REFUSED, "read", 0, "%s is not a file", path);
	return fd;
}

void archive_read(int root, const char *path, uint64_t max_bytes)
{
	static char buffer[64 * 1024];
	struct stat st;
	int fd = open_file(root, path, &st);
	uint64_t total = 0;
	for (ssize_t n; (n = read(fd, buffer, sizeof buffer)) != 0; total += (uint64_t)n) {
		if (n < 0)
			fail(KIND_IO, "read", errno, "cannot read %s", path);
		if (total + (uint64_t)n > max_bytes)
			fail(KIND_LIMIT, "read", 0, "%s is larger than %llu bytes", path, (unsigned long long)max_bytes);
		for (ssize_t done = 0; done < n;) {
			ssize_t w = write(STDOUT_FILENO, buffer + done, (size_t)(n - done));
			if (w <= 0)
				_exit(2);
			done += w;
		}
	}
	report("done", "\"bytes\":%llu", (unsigned long long)total);
}

void archive_sniff(int root, const char *path)
{
	struct stat st;
	int fd = open_file(root, path, &st);
	struct archive *a = archive_read_new();
	struct archive_entry *entry;
	archive_read_support_filter_gzip(a);
	archive_read_support_filter_zstd(a);
	archive_read_support_filter_xz(a);
	archive_read_support_filter_bzip2(a);
	archive_read_support_format_tar(a);
	bool tar = st.st_size > 0 && archive_read_open_fd(a, fd, 64 * 1024) == ARCHIVE_OK && archive_read_next_header(a, &entry) >= ARCHIVE_WARN;
	report("done", "\"tar\":%s", tar ? "true" : "false");
}

struct lister {
	bool sum;
	int depth;
	uint64_t entries;
	char path[UNPACK_PATH_MAX + 256];
};

static void file_sum(int fd, const char *path, char *digest)
{
	static unsigned char buffer[256 * 1024];
	unsigned char sum[32];
	EVP_MD_CTX *hash = EVP_MD_CTX_new();
	if (!hash || EVP_DigestInit_ex(hash, EVP_sha256(), NULL) != 1)
		fail(KIND_IO, "hash", ENOMEM, "cannot read %s", path);
	for (ssize_t n; (n = read(fd, buffer, sizeof buffer)) != 0;) {
		if (n < 0)
			fail(KIND_IO, "read", errno, "cannot read %s", path);
		EVP_DigestUpdate(hash, buffer, (size_t)n);
	}
	EVP_DigestFinal_ex(hash, sum, NULL);
	EVP_MD_CTX_free(hash);
	for (int i = 0; i < 32; i++)
		sprintf(digest + 2 * i, "%02x", sum[i]);
}

static void list_below(struct lister *l, int fd);

static void list_named(struct lister *l, int parent, const char *part)
{
	struct stat st;
	char digest[65] = "", target[UNPACK_PATH_MAX] = "";
	if (fstatat(parent, part, &st, AT_SYMLINK_NOFOLLOW) < 0)
		return; /* gone meanwhile */
	int fd = -1;
	if (S_ISDIR(st.st_mode) || (S_ISREG(st.st_mode) && l->sum)) {
		fd = openat(parent, part, O_RDONLY | O_NOFOLLOW | O_NONBLOCK | O_CLOEXEC);
		if (fd < 0)
			return;
	}
	if (S_ISLNK(st.st_mode)) {
		ssize_t n = readlinkat(parent, part, target, sizeof target - 1);
		target[n < 0 ? 0 : n] = '\0';
	}
	if (S_ISREG(st.st_mode) && l->sum)
		file_sum(fd, l->path, digest);
	report("entry", "\"path\":\"%s\",\"type\":\"%s\",\"mode\":%u,\"size\":%lld,\"target\":\"%s\",\"digest\":\"%s\"", json(l->path),
	       type_of(st.st_mode), (unsigned)st.st_mode & 07777, (long long)st.st_size, json(target), digest);
	l->entries++;
	if (S_ISDIR(st.st_mode) && !is_kernel_view(fd))
		list_below(l, fd);
	if (fd >= 0)
		close(fd);
}

static void list_below(struct lister *l, int fd)
{
	if (++l->depth > ARCHIVE_DEPTH_MAX)
		fail(KIND_LIMIT, "read folder", 0, "%.80s… lies more than %d folders deep", l->path, ARCHIVE_DEPTH_MAX);
	size_t length = strlen(l->path);
	char **names = folder_names(fd, l->path);
	for (char **name = names; *name; name++) {
		if (length + strlen(*name) + 2 > UNPACK_PATH_MAX)
			fail(KIND_LIMIT, "read folder", 0, "%.80s… is longer than %d bytes", l->path, UNPACK_PATH_MAX);
		sprintf(l->path + length, "%s%s", length ? "/" : "", *name);
		list_named(l, fd, *name);
		l->path[length] = '\0';
		free(*name);
	}
	free(names);
	l->depth--;
}

/* Paths are relative to `path`, which may be a folder only. */
void archive_list(int root, const char *path, bool sum)
{
	static struct lister l;
	l.sum = sum;
	int fd = path_open(root, path, O_RDONLY | O_DIRECTORY);
	if (fd < 0)
		path_fail(path);
	list_below(&l, fd);
	report("done", "\"entries\":%llu", (unsigned long long)l.entries);
}
