/*
 * Splits an image archive (OCI layout or docker's) into its files. Names of entries are never used as paths: files are stored as
 * 0, 1, 2 … and what they were called is told in a report, for the caller to look up in a table.
 *
 * A file that begins like a tar is most likely a layer: while it is stored, two more threads hash it and unpack it beside its file,
 * into the folder N.layer. What comes of that is only offered; the caller takes it when an image of the archive names the digest.
 */
#include "unpack.h"

#include <errno.h>
#include <fcntl.h>
#include <openssl/evp.h>
#include <pthread.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#define TAR_BLOCK 512

struct inner {
	struct ring *feed;
	pthread_t thread;
	int root;
	struct unpack_limits limits;
	struct layer_result result;
};

/* One file on its way: hashed here, or by the thread that unpacks it as a layer. */
struct member {
	int root;
	const char *stored, *path;
	const struct unpack_limits *limits;
	EVP_MD_CTX *hash;
	struct inner inner;
	bool begun, layer;
};

/* Bytes that layers of this archive have unpacked to so far: the caller's bound is for all of them together. */
static uint64_t layer_bytes;

/* POSIX ustar header: magic, and a checksum over the block with blanks in place of the checksum. */
static bool begins_like_tar(const unsigned char *block, size_t size)
{
	if (size < TAR_BLOCK || memcmp(block + 257, "ustar", 5) != 0)
		return false;
	unsigned sum = 0, said = 0;
	for (int i = 0; i < TAR_BLOCK; i++)
		sum += i >= 148 && i < 156 ? ' ' : block[i];
	for (const unsigned char *p = block + 148; p < block + 156 && ((*p >= '0' && *p <= '7') || *p == ' '); p++)
		if (*p != ' ')
			said = said * 8 + (unsigned)(*p - '0');
	return sum == said;
}

static void *write_inner(void *context)
{
	struct inner *in = context;
	in->result = write_layer(in->root, &in->limits, stream_open_fed(in->feed, &in->limits), false);
	return NULL;
}

static void begin_layer(struct member *m)
{
	char name[48];
	snprintf(name, sizeof name, "%s.layer", m->stored);
	struct inner *in = &m->inner;
	if (mkdirat(m->root, name, 0755) < 0 || (in->root = openat(m->root, name, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC)) < 0)
		fail(KIND_IO, "make folder", errno, "cannot unpack %s", m->path);
	in->limits = *m->limits;
	in->limits.max_bytes -= layer_bytes;
	in->feed = ring_new(4);
	int r = pthread_create(&in->thread, NULL, write_inner, in);
	if (r)
		fail(KIND_IO, "thread", r, "cannot unpack %s", m->path);
	m->layer = true;
}

static void take_block(void *context, const void *data, size_t size)
{
	struct member *m = context;
	if (!m->begun) {
		m->begun = true;
		if (begins_like_tar(data, size))
			begin_layer(m);
	}
	if (m->layer)
		ring_put(m->inner.feed, data, size);
	else
		EVP_DigestUpdate(m->hash, data, size);
}

static void finish_layer(struct member *m)
{
	ring_end(m->inner.feed);
	pthread_join(m->inner.thread, NULL);
	ring_free(m->inner.feed);
	close(m->inner.root);
	layer_bytes += m->inner.result.file_bytes;
}

static void report_file(struct member *m, uint64_t size)
{
	char digest[65], layer[256] = "";
	if (m->layer) {
		const struct layer_result *r = &m->inner.result;
		memcpy(digest, r->stream.digest, sizeof digest);
		snprintf(layer, sizeof layer,
			 ",\"layer\":{\"diffId\":\"%s\",\"digest\":\"%s\",\"tarBytes\":%llu,\"fileBytes\":%llu,\"entries\":%llu,\"skipped\":%llu}",
			 r->stream.diff_id, r->stream.digest, (unsigned long long)r->stream.tar_bytes, (unsigned long long)r->file_bytes,
			 (unsigned long long)r->entries, (unsigned long long)r->skipped);
	} else {
		unsigned char sum[32];
		EVP_DigestFinal_ex(m->hash, sum, NULL);
		for (int i = 0; i < 32; i++)
			sprintf(digest + 2 * i, "%02x", sum[i]);
	}
	report("file", "\"path\":\"%s\",\"stored\":\"%s\",\"size\":%llu,\"digest\":\"%s\"%s", json(m->path), m->stored,
	       (unsigned long long)size, digest, layer);
}

static void store_file(struct stream *stream, struct archive *tar, struct archive_entry *entry, struct member *m)
{
	int fd = openat(m->root, m->stored, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0600);
	if (fd < 0)
		fail(KIND_IO, "make file", errno, "cannot store %s", m->path);
	m->hash = EVP_MD_CTX_new();
	if (!m->hash || EVP_DigestInit_ex(m->hash, EVP_sha256(), NULL) != 1)
		fail(KIND_IO, "hash", ENOMEM, "cannot store %s", m->path);
	uint64_t size = stream_copy_data(stream, tar, fd, m->path, take_block, m);
	if (m->layer)
		finish_layer(m);
	if (size != (uint64_t)archive_entry_size(entry))
		fail(KIND_REFUSED, "read tar", 0, "%s is a sparse file", m->path);
	if (close(fd) < 0)
		fail(KIND_IO, "write", errno, "cannot store %s", m->path);
	report_file(m, size);
	EVP_MD_CTX_free(m->hash);
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
		char stored[32];
		snprintf(stored, sizeof stored, "%llu", (unsigned long long)entries);
		struct member member = {.root = root, .stored = stored, .path = path, .limits = limits};
		if (link && *link)
			report("link", "\"path\":\"%s\",\"target\":\"%s\"", json(path), json(link));
		else if (type == AE_IFREG)
			store_file(stream, tar, entry, &member);
		else if (type != AE_IFDIR)
			fail(KIND_REFUSED, "read tar", 0, "\"%s\" is a device, FIFO or socket", path);
		stream_progress(stream);
	}
	struct stream_result result = stream_finish(stream);
	report("done", "\"bytes\":%llu,\"entries\":%llu", (unsigned long long)result.given_bytes, (unsigned long long)entries);
}
