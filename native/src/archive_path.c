/* Names inside a view, and what they lead to. */
#include "archive_tool.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <linux/magic.h>
#include <linux/openat2.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/syscall.h>
#include <sys/vfs.h>
#include <unistd.h>

#ifndef MQUEUE_MAGIC
#define MQUEUE_MAGIC 0x19800202
#endif

int path_open(int root, const char *path, uint64_t flags)
{
	struct open_how how = {.flags = flags | O_CLOEXEC, .resolve = RESOLVE_IN_ROOT | RESOLVE_NO_MAGICLINKS};
	int fd;
	do
		fd = (int)syscall(SYS_openat2, root, path, &how, sizeof how);
	while (fd < 0 && (errno == EAGAIN || errno == EINTR)); /* EAGAIN: something was renamed meanwhile (openat2(2)) */
	return fd;
}

int path_find(int root, const char *path, bool follow)
{
	size_t n = strlen(path);
	bool slash = n > 0 && (path[n - 1] == '/' || (n > 1 && strcmp(path + n - 2, "/.") == 0));
	return path_open(root, path, O_PATH | (follow || slash ? 0 : O_NOFOLLOW));
}

void path_fail(const char *path)
{
	if (errno == ENOENT || errno == ENOTDIR || errno == ELOOP || errno == ENAMETOOLONG)
		fail(KIND_MISSING, "look up", 0, "no such file or directory: %s", path);
	fail(KIND_IO, "look up", errno, "cannot look up %s", path);
}

bool is_kernel_view(int fd)
{
	struct statfs fs;
	if (fstatfs(fd, &fs) < 0)
		return false;
	switch ((unsigned long)fs.f_type) {
	case PROC_SUPER_MAGIC:
	case SYSFS_MAGIC:
	case CGROUP_SUPER_MAGIC:
	case CGROUP2_SUPER_MAGIC:
	case DEVPTS_SUPER_MAGIC:
	case MQUEUE_MAGIC:
	case SECURITYFS_MAGIC:
	case DEBUGFS_MAGIC:
	case TRACEFS_MAGIC:
	case BPF_FS_MAGIC:
		return true;
	default:
		return false;
	}
}

/* Appends "/part" and says whether that is a link, whose target is put into `target`. */
static bool link_at(int root, const char *path, char *target, size_t size)
{
	int fd = path_open(root, path, O_PATH | O_NOFOLLOW);
	ssize_t n = fd < 0 ? -1 : readlinkat(fd, "", target, size - 1);
	if (fd >= 0)
		close(fd);
	if (n < 0)
		return false;
	target[n] = '\0';
	return true;
}

const char *path_resolve(int root, const char *path)
{
	static char done[UNPACK_PATH_MAX], rest[2 * UNPACK_PATH_MAX], target[UNPACK_PATH_MAX], next[2 * UNPACK_PATH_MAX];
	int links = 0;
	done[0] = '\0';
	snprintf(rest, sizeof rest, "%s", path);
	while (rest[0]) {
		char *part = rest + strspn(rest, "/");
		size_t length = strcspn(part, "/");
		if (length == 0)
			break;
		char *end = strrchr(done, '/');
		if (length == 2 && memcmp(part, "..", 2) == 0) {
			if (end)
				*end = '\0';
			memmove(rest, part + length, strlen(part + length) + 1);
			continue;
		}
		size_t before = strlen(done);
		if (before + length + 2 > sizeof done)
			fail(KIND_LIMIT, "look up", 0, "%.80s… is longer than %d bytes", path, UNPACK_PATH_MAX - 1);
		if (!(length == 1 && *part == '.'))
			snprintf(done + before, sizeof done - before, "/%.*s", (int)length, part);
		memmove(rest, part + length, strlen(part + length) + 1);
		if (strlen(done) == before || !link_at(root, done, target, sizeof target))
			continue;
		if (++links > 40)
			fail(KIND_REFUSED, "look up", ELOOP, "cannot look up %s", path);
		if (snprintf(next, sizeof next, "%s/%s", target, rest) >= (int)sizeof next)
			fail(KIND_LIMIT, "look up", 0, "%.80s… is longer than %d bytes", path, UNPACK_PATH_MAX - 1);
		memcpy(rest, next, sizeof rest);
		done[target[0] == '/' ? 0 : before] = '\0';
	}
	return done[0] ? done : "/";
}

static int by_bytes(const void *a, const void *b)
{
	return strcmp(*(char *const *)a, *(char *const *)b);
}

char **folder_names(int fd, const char *what)
{
	size_t count = 0, room = 64;
	char **names = malloc(room * sizeof *names);
	int copy = fcntl(fd, F_DUPFD_CLOEXEC, 0);
	DIR *dir = copy < 0 ? NULL : fdopendir(copy);
	if (!dir || !names)
		fail(KIND_IO, "read folder", errno, "cannot read %s", what);
	errno = 0;
	for (struct dirent *entry; (entry = readdir(dir));) {
		if (strcmp(entry->d_name, ".") == 0 || strcmp(entry->d_name, "..") == 0)
			continue;
		if (count + 2 > room && !(names = realloc(names, (room *= 2) * sizeof *names)))
			fail(KIND_IO, "memory", ENOMEM, "cannot read %s", what);
		if (!(names[count++] = strdup(entry->d_name)))
			fail(KIND_IO, "memory", ENOMEM, "cannot read %s", what);
		errno = 0;
	}
	if (errno)
		fail(KIND_IO, "read folder", errno, "cannot read %s", what);
	closedir(dir);
	qsort(names, count, sizeof *names, by_bytes);
	names[count] = NULL;
	return names;
}
