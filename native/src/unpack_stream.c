/*
 * The input of gantry-unpack: a thread reads, decompresses and hashes; the main thread parses the tar and writes files.
 *
 *   fd --> [libarchive filters: gzip zstd xz bzip2] --> ring of slots --> [libarchive tar reader] --> files
 *    \-- sha256 of what was given                \-- sha256 of the tar (the diff id)
 *
 * A slot belongs to the thread that is to work on it next; `filled` counts the slots handed over and not yet given back.
 */
#include "unpack.h"

#include <errno.h>
#include <openssl/evp.h>
#include <pthread.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/statvfs.h>
#include <sys/vfs.h>
#include <unistd.h>

#define SLOTS 8
#define SLOT_BYTES (512 * 1024)
#define PROGRESS_BYTES (4ull << 20)
#define RESERVE_CHECK_BYTES (64ull << 20)

struct stream {
	int fd;
	const struct unpack_limits *limits;
	pthread_t thread;
	pthread_mutex_t lock;
	pthread_cond_t changed;
	unsigned char *slots[SLOTS];
	size_t used[SLOTS];
	unsigned head, filled; /* head: next slot to read */
	bool holding;	       /* the tar reader still looks at the slot before head */
	bool ended;
	unsigned char *input;
	/* NULL where nobody asks for the hash. */
	EVP_MD_CTX *given_hash, *tar_hash;
	bool plain; /* not compressed: both hashes are of the same bytes, only one is made */
	/* The digest that the input is known to have, or NULL; of plain input no hash is made then. */
	const char *trusted;
	bool trusted_plain;
	/* Written by the reading thread, read by the other for progress and at the end. */
	_Atomic uint64_t given_bytes, tar_bytes;
	uint64_t reported, written, checked;
};

static _Noreturn void fail_archive(struct archive *a, const char *step, const char *what)
{
	int errnum = archive_errno(a);
	const char *text = archive_error_string(a);
	bool machine = errnum == ENOSPC || errnum == EIO || errnum == ENOMEM;
	fail(machine ? KIND_IO : KIND_DAMAGED, step, machine ? errnum : 0, "%s: %s", what, text ? text : "damaged or truncated");
}

/* Called by libarchive in the reading thread: more of what was given. */
static la_ssize_t read_given(struct archive *a, void *context, const void **buffer)
{
	struct stream *s = context;
	ssize_t n;
	do
		n = read(s->fd, s->input, SLOT_BYTES);
	while (n < 0 && errno == EINTR);
	if (n < 0) {
		archive_set_error(a, errno, "cannot read the input");
		return -1;
	}
	if (s->given_hash && !s->trusted_plain)
		EVP_DigestUpdate(s->given_hash, s->input, (size_t)n);
	s->given_bytes += (uint64_t)n;
	*buffer = s->input;
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

/* Waits for a free slot, one kept for the tar reader. */
static unsigned free_slot(struct stream *s)
{
	pthread_mutex_lock(&s->lock);
	while (s->filled >= SLOTS - 1)
		pthread_cond_wait(&s->changed, &s->lock);
	unsigned slot = (s->head + s->filled) % SLOTS;
	pthread_mutex_unlock(&s->lock);
	return slot;
}

static void hand_over(struct stream *s, bool ended)
{
	pthread_mutex_lock(&s->lock);
	s->filled++;
	s->ended = ended;
	pthread_cond_signal(&s->changed);
	pthread_mutex_unlock(&s->lock);
}

/* Puts decompressed bytes into slots; the last, perhaps empty, slot carries the end. */
static void pump(struct stream *s, struct archive *a)
{
	unsigned slot = free_slot(s);
	size_t used = 0;
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
		for (const unsigned char *p = block; size > 0;) {
			size_t n = size < SLOT_BYTES - used ? size : SLOT_BYTES - used;
			memcpy(s->slots[slot] + used, p, n);
			p += n, size -= n, used += n;
			if (used == SLOT_BYTES) {
				s->used[slot] = used;
				hand_over(s, false);
				slot = free_slot(s);
				used = 0;
			}
		}
		if (r == ARCHIVE_EOF)
			break;
	}
	s->used[slot] = used;
	hand_over(s, true);
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
		free_slot(s);
		hand_over(s, true);
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

struct stream *stream_open(int fd, const struct unpack_limits *limits, bool hash, const char *trusted)
{
	struct stream *s = calloc(1, sizeof *s);
	if (!s)
		fail(KIND_IO, "memory", ENOMEM, "cannot begin");
	s->fd = fd;
	s->limits = limits;
	s->trusted = trusted;
	pthread_mutex_init(&s->lock, NULL);
	pthread_cond_init(&s->changed, NULL);
	s->input = malloc(SLOT_BYTES);
	for (int i = 0; i < SLOTS; i++)
		s->slots[i] = malloc(SLOT_BYTES);
	if (!s->input || !s->slots[SLOTS - 1])
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

/* The next slot, and back with the one handed out before. Returns its bytes, 0 at the end. */
static size_t next_slot(struct stream *s, const void **buffer)
{
	pthread_mutex_lock(&s->lock);
	if (s->holding) {
		s->head = (s->head + 1) % SLOTS;
		s->filled--;
		s->holding = false;
		pthread_cond_signal(&s->changed);
	}
	while (s->filled == 0 && !s->ended)
		pthread_cond_wait(&s->changed, &s->lock);
	size_t used = 0;
	if (s->filled > 0) {
		used = s->used[s->head];
		*buffer = s->slots[s->head];
		s->holding = true;
	}
	pthread_mutex_unlock(&s->lock);
	return used;
}

static la_ssize_t read_tar(struct archive *a, void *context, const void **buffer)
{
	(void)a;
	return (la_ssize_t)next_slot(context, buffer);
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
	while (next_slot(s, &rest) > 0)
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
	return result;
}

void stream_progress(struct stream *s)
{
	uint64_t now = s->given_bytes;
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
