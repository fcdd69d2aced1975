/*
 * The input of gantry-unpack: a thread reads, decompresses and hashes; the main thread parses the tar and writes files.
 *
 *   fd --> [libarchive filters: gzip zstd xz bzip2] --> ring --> [libarchive tar reader] --> files
 *    \-- sha256 of what was given                \-- sha256 of the tar (the diff id)
 *
 * A layer inside an archive is fed by the archive's main thread instead of a descriptor: through a second ring.
 */
#include "unpack.h"

#include <errno.h>
#include <openssl/evp.h>
#include <poll.h>
#include <pthread.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/statvfs.h>
#include <sys/vfs.h>
#include <unistd.h>

#define PROGRESS_BYTES (4ull << 20)
#define RESERVE_CHECK_BYTES (64ull << 20)

struct stream {
	/* Either: a descriptor read into `input`, or a ring that somebody fills. */
	int fd;
	unsigned char *input;
	struct ring *fed;
	const struct unpack_limits *limits;
	pthread_t thread;
	/* Decompressed bytes for the tar reader. */
	struct ring *out;
	/* NULL where nobody asks for the hash. */
	EVP_MD_CTX *given_hash, *tar_hash;
	bool plain; /* not compressed: both hashes are of the same bytes, only one is made */
	/* The digest that the input is known to have, or NULL; of plain input no hash is made then. */
	const char *trusted;
	bool trusted_plain;
	/* Written by the reading thread, read by the other for progress and at the end. */
	_Atomic uint64_t given_bytes, tar_bytes;
	uint64_t reported, written, checked;
	/* How large the current entry is, where a missing end of the archive is forgiven; -1 elsewhere. */
	int64_t expected;
	bool drained, cut;
};

static _Noreturn void fail_archive(struct archive *a, const char *step, const char *what)
{
	int errnum = archive_errno(a);
	const char *text = archive_error_string(a);
	bool machine = errnum == ENOSPC || errnum == EIO || errnum == ENOMEM;
	fail(machine ? KIND_IO : KIND_DAMAGED, step, machine ? errnum : 0, "%s: %s", what, text ? text : "damaged or truncated");
}

/* Bytes of the descriptor; whoever passed it may have set it to not block. */
static ssize_t read_input(struct stream *s)
{
	for (;;) {
		ssize_t n = read(s->fd, s->input, RING_SLOT_BYTES);
		if (n >= 0 || (errno != EINTR && errno != EAGAIN))
			return n;
		if (errno == EAGAIN)
			poll(&(struct pollfd){.fd = s->fd, .events = POLLIN}, 1, -1);
	}
}

/* Called by libarchive in the reading thread: more of what was given. */
static la_ssize_t read_given(struct archive *a, void *context, const void **buffer)
{
	struct stream *s = context;
	ssize_t n;
	if (s->fed) {
		n = (ssize_t)ring_take(s->fed, buffer);
	} else {
		n = read_input(s);
		*buffer = s->input;
	}
	if (n < 0) {
		archive_set_error(a, errno, "cannot read the input");
		return -1;
	}
	if (s->given_hash && !s->trusted_plain)
		EVP_DigestUpdate(s->given_hash, *buffer, (size_t)n);
	s->given_bytes += (uint64_t)n;
	return n;
}

static void check_size(struct stream *s)
{
	uint64_t out = s->tar_bytes, in = s->given_bytes;
	if (out > s->limits->max_bytes)
		fail(KIND_SIZE, "read", 0, "the content is larger than the limit of %llu bytes", (unsigned long long)s->limits->max_bytes);
	if (out > UNPACK_RATIO_FROM && in > 0 && out / in > s->limits->max_ratio)
		fail(KIND_LIMIT, "decompress", 0, "the data expands more than %llu times (a decompression bomb)",
		     (unsigned long long)s->limits->max_ratio);
}

/* Puts decompressed bytes into the ring. */
static void pump(struct stream *s, struct archive *a)
{
	for (;;) {
		const void *block = NULL;
		size_t size = 0;
		la_int64_t offset;
		int r = archive_read_data_block(a, &block, &size, &offset);
		if (r == ARCHIVE_RETRY)
			continue;
		if (r != ARCHIVE_OK && r != ARCHIVE_WARN && r != ARCHIVE_EOF)
			fail_archive(a, "decompress", "the compressed data is damaged");
		if (s->tar_hash && !s->plain)
			EVP_DigestUpdate(s->tar_hash, block, size);
		s->tar_bytes += size;
		check_size(s);
		ring_put(s->out, block, size);
		if (r == ARCHIVE_EOF)
			break;
	}
	ring_end(s->out);
}

static void *read_all(void *context)
{
	struct stream *s = context;
	struct archive *a = archive_read_new();
	/* Not _filter_all: some of its filters run programs. */
	archive_read_support_filter_gzip(a);
	archive_read_support_filter_zstd(a);
	archive_read_support_filter_xz(a);
	archive_read_support_filter_bzip2(a);
	archive_read_support_format_raw(a);
	archive_read_support_format_empty(a);
	struct archive_entry *entry;
	if (archive_read_open(a, s, NULL, read_given, NULL) != ARCHIVE_OK)
		fail_archive(a, "read", "cannot read the input");
	int r = archive_read_next_header(a, &entry);
	if (r == ARCHIVE_EOF) {
		s->trusted = NULL;
		ring_end(s->out);
	} else if (r == ARCHIVE_OK) {
		s->plain = archive_filter_count(a) == 1;
		s->trusted_plain = s->plain && s->trusted;
		pump(s, a);
	} else {
		fail_archive(a, "decompress", "the data is damaged");
	}
	/* Padding after the compressed data belongs to the digest. */
	const void *rest;
	la_ssize_t n;
	while ((n = read_given(a, s, &rest)) > 0)
		;
	if (n < 0)
		fail_archive(a, "read", "cannot read the input");
	archive_read_free(a);
	return NULL;
}

static struct stream *open_stream(int fd, struct ring *fed, const struct unpack_limits *limits, bool hash, const char *trusted)
{
	struct stream *s = calloc(1, sizeof *s);
	if (!s)
		fail(KIND_IO, "memory", ENOMEM, "cannot begin");
	s->fd = fd;
	s->expected = -1;
	s->fed = fed;
	s->limits = limits;
	s->trusted = trusted;
	s->out = ring_new(8);
	if (!fed && !(s->input = malloc(RING_SLOT_BYTES)))
		fail(KIND_IO, "memory", ENOMEM, "cannot begin");
	if (hash) {
		s->given_hash = EVP_MD_CTX_new();
		s->tar_hash = EVP_MD_CTX_new();
		if (EVP_DigestInit_ex(s->given_hash, EVP_sha256(), NULL) != 1 || EVP_DigestInit_ex(s->tar_hash, EVP_sha256(), NULL) != 1)
			fail(KIND_IO, "hash", ENOMEM, "cannot begin");
	}
	int r = pthread_create(&s->thread, NULL, read_all, s);
	if (r)
		fail(KIND_IO, "thread", r, "cannot begin");
	return s;
}

struct stream *stream_open(int fd, const struct unpack_limits *limits, bool hash, const char *trusted)
{
	return open_stream(fd, NULL, limits, hash, trusted);
}

struct stream *stream_open_fed(struct ring *fed, const struct unpack_limits *limits)
{
	return open_stream(-1, fed, limits, true, NULL);
}

static la_ssize_t read_tar(struct archive *a, void *context, const void **buffer)
{
	(void)a;
	struct stream *s = context;
	size_t size = ring_take(s->out, buffer);
	s->drained = size == 0;
	return (la_ssize_t)size;
}

struct archive *stream_tar(struct stream *s)
{
	struct archive *a = archive_read_new();
	archive_read_support_format_tar(a);
	archive_read_support_format_empty(a);
	if (archive_read_open(a, s, NULL, read_tar, NULL) != ARCHIVE_OK)
		fail_archive(a, "read", "not a tar archive");
	return a;
}

static void hex(EVP_MD_CTX *hash, char out[65])
{
	unsigned char sum[32];
	EVP_DigestFinal_ex(hash, sum, NULL);
	for (int i = 0; i < 32; i++)
		sprintf(out + 2 * i, "%02x", sum[i]);
}

struct stream_result stream_finish(struct stream *s)
{
	const void *rest;
	while (ring_take(s->out, &rest) > 0)
		;
	pthread_join(s->thread, NULL);
	struct stream_result result = {.given_bytes = s->given_bytes, .tar_bytes = s->tar_bytes};
	if (s->trusted_plain) {
		snprintf(result.digest, sizeof result.digest, "%s", s->trusted);
		snprintf(result.diff_id, sizeof result.diff_id, "%s", s->trusted);
	} else if (s->given_hash) {
		hex(s->given_hash, result.digest);
		if (s->plain)
			memcpy(result.diff_id, result.digest, sizeof result.diff_id);
		else
			hex(s->tar_hash, result.diff_id);
	}
	EVP_MD_CTX_free(s->given_hash);
	EVP_MD_CTX_free(s->tar_hash);
	ring_free(s->out);
	free(s->input);
	free(s);
	return result;
}

void stream_progress(struct stream *s)
{
	uint64_t now = s->given_bytes;
	/* A layer inside an archive: the archive reports for both. */
	if (s->fed)
		return;
	if (now - s->reported < PROGRESS_BYTES)
		return;
	s->reported = now;
	report("progress", "\"bytes\":%llu", (unsigned long long)now);
}

struct archive_entry *stream_next(struct archive *tar, const struct unpack_limits *limits, uint64_t *entries)
{
	struct archive_entry *entry;
	int r = archive_read_next_header(tar, &entry);
	/* ARCHIVE_RETRY would skip headers with a wrong checksum, which is damage like any other. */
	if (r == ARCHIVE_EOF)
		return NULL;
	if (r != ARCHIVE_OK && r != ARCHIVE_WARN)
		fail_archive(tar, "read tar", *entries ? "the tar archive is damaged or truncated" : "this is not a tar archive");
	if (++*entries > limits->max_entries)
		fail(KIND_LIMIT, "read tar", 0, "more than %llu entries", (unsigned long long)limits->max_entries);
	if (archive_entry_is_encrypted(entry))
		fail(KIND_REFUSED, "read tar", 0, "an entry is encrypted");
	return entry;
}

void check_reserve(int fd, const struct unpack_limits *limits)
{
	struct statfs fs;
	if (fstatfs(fd, &fs) == 0 && (uint64_t)fs.f_bavail * (uint64_t)fs.f_bsize < limits->reserve_bytes)
		fail(KIND_IO, "write", ENOSPC, "the disk is full but for the reserve of %llu bytes", (unsigned long long)limits->reserve_bytes);
}

static void write_at(int fd, const char *data, size_t size, off_t at, const char *path)
{
	while (size > 0) {
		ssize_t n = pwrite(fd, data, size, at);
		if (n < 0 && errno == EINTR)
			continue;
		if (n < 0)
			fail(KIND_IO, "write", errno, "cannot write %s", path);
		data += n, size -= (size_t)n, at += n;
	}
}

void stream_forgive_end(struct stream *s, int64_t size)
{
	s->expected = size;
}

bool stream_was_cut(const struct stream *s)
{
	return s->cut;
}

uint64_t stream_copy_data(struct stream *s, struct archive *tar, int fd, const char *path, void (*each)(void *, const void *, size_t),
			  void *context)
{
	uint64_t total = 0;
	for (;;) {
		const void *block = NULL;
		size_t size = 0;
		la_int64_t offset = 0;
		int r = archive_read_data_block(tar, &block, &size, &offset);
		if (r == ARCHIVE_RETRY)
			continue;
		if (r == ARCHIVE_EOF)
			return total;
		if (r == ARCHIVE_FATAL && s->expected >= 0 && total == (uint64_t)s->expected && s->drained) {
			s->cut = true;
			return total;
		}
		if (r != ARCHIVE_OK && r != ARCHIVE_WARN)
			fail_archive(tar, "read tar", path);
		write_at(fd, block, size, (off_t)offset, path);
		if (each)
			each(context, block, size);
		total += size;
		s->written += size;
		if (s->written - s->checked >= RESERVE_CHECK_BYTES) {
			s->checked = s->written;
			check_reserve(fd, s->limits);
		}
		stream_progress(s);
	}
}
