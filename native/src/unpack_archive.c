/*
 * Splits an image archive (OCI layout or docker's) into its files. Names of entries are never used as paths: files are stored as
 * 0, 1, 2 … and what they were called is told in a report, for the caller to look up in a table.
 */
#include "unpack.h"

#include <errno.h>
#include <fcntl.h>
#include <openssl/evp.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

static void add_to_hash(void *hash, const void *data, size_t size)
{
	EVP_DigestUpdate(hash, data, size);
}

static void store_file(struct stream *stream, struct archive *tar, int root, struct archive_entry *entry, const char *path, uint64_t number)
{
	char stored[32], digest[65];
	snprintf(stored, sizeof stored, "%llu", (unsigned long long)number);
	int fd = openat(root, stored, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0600);
	if (fd < 0)
		fail(KIND_IO, "make file", errno, "cannot store %s", path);
	EVP_MD_CTX *hash = EVP_MD_CTX_new();
	if (!hash || EVP_DigestInit_ex(hash, EVP_sha256(), NULL) != 1)
		fail(KIND_IO, "hash", ENOMEM, "cannot store %s", path);
	uint64_t size = stream_copy_data(stream, tar, fd, path, add_to_hash, hash);
	if (size != (uint64_t)archive_entry_size(entry))
		fail(KIND_REFUSED, "read tar", 0, "%s is a sparse file", path);
	unsigned char sum[32];
	EVP_DigestFinal_ex(hash, sum, NULL);
	EVP_MD_CTX_free(hash);
	for (int i = 0; i < 32; i++)
		sprintf(digest + 2 * i, "%02x", sum[i]);
	if (close(fd) < 0)
		fail(KIND_IO, "write", errno, "cannot store %s", path);
	report("file", "\"path\":\"%s\",\"stored\":\"%s\",\"size\":%llu,\"digest\":\"%s\"", json(path), stored, (unsigned long long)size, digest);
}

void unpack_archive(int root, const struct unpack_limits *limits)
{
	check_reserve(root, limits);
	struct stream *stream = stream_open(STDIN_FILENO, limits, false, NULL);
	struct archive *tar = stream_tar(stream);
	uint64_t entries = 0;
	static struct tree_name name;
	for (struct archive_entry *entry; (entry = stream_next(tar, limits, &entries));) {
		const char *path = archive_entry_pathname(entry);
		tree_parse(&name, path, "an entry");
		mode_t type = archive_entry_filetype(entry);
		const char *link = archive_entry_hardlink(entry) ? archive_entry_hardlink(entry) : archive_entry_symlink(entry);
		if (link && *link)
			report("link", "\"path\":\"%s\",\"target\":\"%s\"", json(path), json(link));
		else if (type == AE_IFREG)
			store_file(stream, tar, root, entry, path, entries);
		else if (type != AE_IFDIR)
			fail(KIND_REFUSED, "read tar", 0, "\"%s\" is a device, FIFO or socket", path);
		stream_progress(stream);
	}
	struct stream_result result = stream_finish(stream);
	report("done", "\"bytes\":%llu,\"entries\":%llu", (unsigned long long)result.given_bytes, (unsigned long long)entries);
}
