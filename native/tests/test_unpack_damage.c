/*
 * Layers with random damage under the sanitizers: whatever the bytes, the unpacker ends with a result or a refusal, never by a signal,
 * and writes nothing beside its target. The damage comes from a fixed seed, so a failure can be repeated.
 */
#include "check.h"
#include "unpack.h"

#include <archive_entry.h>
#include <errno.h>
#include <fcntl.h>
#include <ftw.h>
#include <locale.h>
#include <sys/wait.h>
#include <unistd.h>

#define ROUNDS 400

static char folder[] = "/var/tmp/gantry-test-unpack-XXXXXX";
static const struct unpack_limits limits = {.max_bytes = 16 << 20, .max_ratio = 100, .max_entries = 200};

/* Freed by the end of each child; libarchive's own allocations would be reported otherwise. */
const char *__asan_default_options(void);
const char *__asan_default_options(void)
{
	return "detect_leaks=0";
}

static void add(struct archive *a, mode_t type, const char *path, const char *target, const char *content)
{
	struct archive_entry *e = archive_entry_new();
	archive_entry_set_pathname(e, path);
	archive_entry_set_filetype(e, type);
	archive_entry_set_perm(e, 0755);
	archive_entry_set_mtime(e, 1000000000, 5);
	if (target && type == AE_IFLNK)
		archive_entry_set_symlink(e, target);
	else if (target)
		archive_entry_set_hardlink(e, target);
	if (content) {
		archive_entry_set_size(e, (la_int64_t)strlen(content));
		archive_entry_xattr_add_entry(e, "user.note", "value", 5);
	}
	CHECK(archive_write_header(a, e) == ARCHIVE_OK);
	if (content)
		CHECK(archive_write_data(a, content, strlen(content)) == (la_ssize_t)strlen(content));
	archive_entry_free(e);
}

static size_t make_layer(unsigned char *buffer, size_t size, bool compressed)
{
	size_t used = 0;
	struct archive *a = archive_write_new();
	CHECK(archive_write_set_format_pax(a) == ARCHIVE_OK);
	if (compressed)
		CHECK(archive_write_add_filter_gzip(a) == ARCHIVE_OK);
	CHECK(archive_write_open_memory(a, buffer, size, &used) == ARCHIVE_OK);
	add(a, AE_IFDIR, "etc/", NULL, NULL);
	add(a, AE_IFREG, "etc/file", NULL, "some content that is not too short to be hit");
	add(a, AE_IFREG, "etc/hard", "etc/file", NULL);
	add(a, AE_IFLNK, "etc/soft", "../../outside", NULL);
	add(a, AE_IFREG, "etc/.wh.gone", NULL, "");
	add(a, AE_IFREG, "deep/er/.wh..wh..opq", NULL, "");
	add(a, AE_IFIFO, "pipe", NULL, NULL);
	add(a, AE_IFREG, "\xc3\xbcn\xc3\xaf/file", NULL, "x");
	CHECK(archive_write_close(a) == ARCHIVE_OK);
	archive_write_free(a);
	return used;
}

static int remove_one(const char *path, const struct stat *st, int type, struct FTW *walk)
{
	(void)st, (void)type, (void)walk;
	return remove(path);
}

/* Unpacks the bytes in a child; returns its wait status. */
static int unpack(const unsigned char *bytes, size_t size)
{
	CHECK(chdir(folder) == 0);
	CHECK(mkdir("target", 0755) == 0);
	int input = open("layer", O_RDWR | O_CREAT | O_TRUNC, 0600);
	CHECK(input >= 0 && write(input, bytes, size) == (ssize_t)size && lseek(input, 0, SEEK_SET) == 0);
	pid_t child = fork();
	CHECK(child >= 0);
	if (child == 0) {
		int nowhere = open("/dev/null", O_WRONLY);
		int root = open("target", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
		if (dup2(input, 0) < 0 || dup2(nowhere, UNPACK_REPORT_FD) < 0 || root < 0)
			_exit(99);
		unpack_layer(root, &limits, NULL, false);
		_exit(0);
	}
	int status;
	CHECK(waitpid(child, &status, 0) == child);
	close(input);
	return status;
}

static void check_round(const unsigned char *bytes, size_t size)
{
	int status = unpack(bytes, size);
	CHECK(WIFEXITED(status) && (WEXITSTATUS(status) == 0 || WEXITSTATUS(status) == 1));
	CHECK(nftw("target", remove_one, 64, FTW_DEPTH | FTW_PHYS) == 0);
	CHECK(remove("layer") == 0);
	/* Nothing else has come into being beside the target. */
	CHECK(rmdir(folder) == 0 && mkdir(folder, 0700) == 0);
}

static void check_names(void)
{
	static struct tree_name name;
	tree_parse(&name, "./a//b/./c/", "an entry");
	CHECK(name.count == 3 && strcmp(name.parts[0], "a") == 0 && strcmp(name.parts[2], "c") == 0);
	tree_parse(&name, "./", "an entry");
	CHECK(name.count == 0);
	tree_parse(&name, "///", "an entry");
	CHECK(name.count == 0);
	tree_parse(&name, "...", "an entry");
	CHECK(name.count == 1);
	CHECK(strcmp(json("a\"\\\n\x7f\xff\xc3\xa9"), "a\\u0022\\u005c\\u000a\\u007f\\ufffd\xc3\xa9") == 0);
	CHECK(xattr_allowed("user.x") && xattr_allowed("security.capability"));
	CHECK(!xattr_allowed("trusted.overlay.opaque") && !xattr_allowed("security.selinux") && !xattr_allowed("user"));
}

int main(void)
{
	static unsigned char layer[2][1 << 20], damaged[1 << 20];
	CHECK(setlocale(LC_CTYPE, "C.UTF-8"));
	check_names();
	CHECK(mkdtemp(folder));
	size_t sizes[2] = {make_layer(layer[0], sizeof layer[0], false), make_layer(layer[1], sizeof layer[1], true)};
	CHECK(unpack(layer[0], sizes[0]) == 0);
	CHECK(access("target/etc/hard", F_OK) == 0);
	CHECK(nftw("target", remove_one, 64, FTW_DEPTH | FTW_PHYS) == 0 && remove("layer") == 0);
	srand(20261123);
	for (int round = 0; round < ROUNDS; round++) {
		int which = round % 4 == 3;
		size_t size = sizes[which];
		memcpy(damaged, layer[which], size);
		for (int hits = rand() % 8; hits >= 0; hits--)
			damaged[(size_t)rand() % size] = (unsigned char)rand();
		if (round % 5 == 0)
			size = (size_t)rand() % size;
		check_round(damaged, size);
	}
	CHECK(rmdir(folder) == 0);
	return 0;
}
