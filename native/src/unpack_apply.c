/*
 * Applying a layer to a folder that has the layers below in it: a whiteout removes what is below, and nothing that its own layer wrote,
 * whichever of the two comes first in the tar (OCI image-spec, "Whiteouts"). So what the layer wrote is remembered by name.
 */
#include "unpack.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <search.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

static int by_text(const void *a, const void *b)
{
	return strcmp(a, b);
}

static void add_text(struct written_names *written, const char *path)
{
	if (tfind(path, &written->names, by_text))
		return;
	char *copy = strdup(path);
	if (!copy || !tsearch(copy, &written->names, by_text))
		fail(KIND_IO, "memory", ENOMEM, "too many entries");
}

static void append(char *path, const char *part)
{
	size_t at = strlen(path);
	snprintf(path + at, UNPACK_PATH_MAX - at, "%s%s", at ? "/" : "", part);
}

void written_add(struct written_names *written, const struct tree_name *name)
{
	char path[UNPACK_PATH_MAX] = "";
	/* The folders on the way as well: the layer means them to be there. */
	for (int i = 0; i < name->count; i++) {
		append(path, name->parts[i]);
		add_text(written, path);
	}
}

static void join_name(char *path, const struct tree_name *name)
{
	path[0] = '\0';
	for (int i = 0; i < name->count; i++)
		append(path, name->parts[i]);
}

bool written_has(const struct written_names *written, const struct tree_name *name)
{
	char path[UNPACK_PATH_MAX];
	join_name(path, name);
	return tfind(path, &written->names, by_text) != NULL;
}

static DIR *open_folder(int parent, const char *part, const char *path)
{
	int fd = openat(parent, part, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
	DIR *dir = fd < 0 ? NULL : fdopendir(fd);
	if (!dir)
		fail(KIND_IO, "open folder", errno, "cannot open a folder below %s", path);
	return dir;
}

static bool is_dot(const char *name)
{
	return strcmp(name, ".") == 0 || strcmp(name, "..") == 0;
}

void remove_below(int parent, const char *part, const char *path)
{
	if (unlinkat(parent, part, 0) == 0 || errno == ENOENT)
		return;
	if (errno != EISDIR)
		fail(KIND_IO, "remove", errno, "cannot remove what is below %s", path);
	DIR *dir = open_folder(parent, part, path);
	for (struct dirent *entry; (entry = readdir(dir));)
		if (!is_dot(entry->d_name))
			remove_below(dirfd(dir), entry->d_name, path);
	closedir(dir);
	if (unlinkat(parent, part, AT_REMOVEDIR) < 0)
		fail(KIND_IO, "remove", errno, "cannot remove what is below %s", path);
}

/* `path`, in the tree's own words, is a buffer that is put back as it was. */
static void remove_unwritten(struct written_names *written, int folder, char *path)
{
	int fd = fcntl(folder, F_DUPFD_CLOEXEC, 0);
	DIR *dir = fd < 0 ? NULL : fdopendir(fd);
	if (!dir)
		fail(KIND_IO, "open folder", errno, "cannot read %s", path);
	rewinddir(dir);
	size_t length = strlen(path);
	for (struct dirent *entry; (entry = readdir(dir));) {
		if (is_dot(entry->d_name))
			continue;
		append(path, entry->d_name);
		if (!tfind(path, &written->names, by_text)) {
			remove_below(folder, entry->d_name, path);
		} else {
			int below = openat(folder, entry->d_name, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
			if (below >= 0) {
				remove_unwritten(written, below, path);
				close(below);
			}
		}
		path[length] = '\0';
	}
	closedir(dir);
}

void remove_lower_content(struct written_names *written, int folder, const struct tree_name *name)
{
	char path[UNPACK_PATH_MAX];
	join_name(path, name);
	remove_unwritten(written, folder, path);
}

void remove_lower(struct written_names *written, int parent, const struct tree_name *name)
{
	char path[UNPACK_PATH_MAX];
	join_name(path, name);
	const char *part = name->parts[name->count - 1];
	if (!written_has(written, name)) {
		remove_below(parent, part, path);
		return;
	}
	int folder = openat(parent, part, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
	if (folder < 0)
		return;
	remove_unwritten(written, folder, path);
	close(folder);
}
