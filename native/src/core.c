#include "core.h"

#include <stdlib.h>
#include <sys/mman.h>
#include <time.h>

void close_fd(int *fd)
{
	if (*fd >= 0) {
		int saved = errno;
		close(*fd);
		errno = saved;
		*fd = -1;
	}
}

int steal_fd(int *fd)
{
	int stolen = *fd;
	*fd = -1;
	return stolen;
}

struct buf buf_reserve(size_t capacity)
{
	struct buf buf = {.capacity = capacity};
	void *data = mmap(NULL, capacity, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
	if (data == MAP_FAILED)
		buf.capacity = 0;
	else
		buf.data = data;
	return buf;
}

void buf_release(struct buf *buf)
{
	if (buf->data)
		munmap(buf->data, buf->capacity);
	*buf = (struct buf){0};
}

void buf_bytes(struct buf *buf, const char *bytes, size_t length)
{
	if (length == 0)
		return;
	if (length > buf->capacity - buf->length) {
		buf->truncated = true;
		length = buf->capacity - buf->length;
	}
	memcpy(buf->data + buf->length, bytes, length);
	buf->length += length;
}

void buf_text(struct buf *buf, const char *text)
{
	buf_bytes(buf, text, strlen(text));
}

void buf_vformat(struct buf *buf, const char *format, va_list args)
{
	size_t room = buf->capacity - buf->length;
	if (room == 0) {
		buf->truncated = true;
		return;
	}
	int n = vsnprintf(buf->data + buf->length, room, format, args);
	if (n < 0)
		return;
	if ((size_t)n >= room) {
		buf->truncated = true;
		n = (int)room - 1;
	}
	buf->length += (size_t)n;
}

void buf_format(struct buf *buf, const char *format, ...)
{
	va_list args;
	va_start(args, format);
	buf_vformat(buf, format, args);
	va_end(args);
}

/* Length of the valid UTF-8 sequence at `s`, 0 when there is none (overlong, surrogate, cut off, stray byte). */
static size_t utf8_length(const unsigned char *s, size_t left)
{
	if (s[0] >= 0xc2 && s[0] <= 0xdf && left >= 2 && (s[1] & 0xc0) == 0x80)
		return 2;
	if (s[0] >= 0xe0 && s[0] <= 0xef && left >= 3 && (s[1] & 0xc0) == 0x80 && (s[2] & 0xc0) == 0x80) {
		unsigned int c = (unsigned int)(s[0] & 0xf) << 12 | (unsigned int)(s[1] & 0x3f) << 6 | (s[2] & 0x3f);
		return c >= 0x800 && (c < 0xd800 || c > 0xdfff) ? 3 : 0;
	}
	if (s[0] >= 0xf0 && s[0] <= 0xf4 && left >= 4 && (s[1] & 0xc0) == 0x80 && (s[2] & 0xc0) == 0x80 && (s[3] & 0xc0) == 0x80) {
		unsigned int c = (unsigned int)(s[0] & 7) << 18 | (unsigned int)(s[1] & 0x3f) << 12 | (unsigned int)(s[2] & 0x3f) << 6 | (s[3] & 0x3f);
		return c >= 0x10000 && c <= 0x10ffff ? 4 : 0;
	}
	return 0;
}

static void json_escape(struct buf *buf, unsigned char c)
{
	char text[7] = {'\\', 0};
	size_t length = 2;
	switch (c) {
	case '"':
	case '\\': text[1] = (char)c; break;
	case '\n': text[1] = 'n'; break;
	case '\r': text[1] = 'r'; break;
	case '\t': text[1] = 't'; break;
	default: length = (size_t)snprintf(text, sizeof(text), "\\u%04x", c);
	}
	buf_bytes(buf, text, length);
}

void buf_json_inner(struct buf *buf, const char *bytes, size_t length)
{
	const unsigned char *s = (const unsigned char *)bytes;
	size_t plain = 0; /* start of the run that needs no escape */
	size_t i = 0;
	while (i < length) {
		unsigned char c = s[i];
		if (c >= 0x20 && c < 0x7f && c != '"' && c != '\\') {
			i++;
			continue;
		}
		size_t utf8 = c >= 0x80 ? utf8_length(s + i, length - i) : 0;
		if (utf8 > 0) {
			i += utf8;
			continue;
		}
		buf_bytes(buf, bytes + plain, i - plain);
		if (c >= 0x80)
			buf_text(buf, "\\ufffd");
		else
			json_escape(buf, c);
		plain = ++i;
	}
	buf_bytes(buf, bytes + plain, length - plain);
}

void buf_json(struct buf *buf, const char *bytes, size_t length)
{
	buf_bytes(buf, "\"", 1);
	buf_json_inner(buf, bytes, length);
	buf_bytes(buf, "\"", 1);
}

uint64_t now_us(void)
{
	struct timespec t;
	clock_gettime(CLOCK_MONOTONIC, &t);
	return (uint64_t)t.tv_sec * 1000000 + (uint64_t)t.tv_nsec / 1000;
}

size_t now_rfc3339(char out[31])
{
	struct timespec t;
	struct tm tm;
	clock_gettime(CLOCK_REALTIME, &t);
	gmtime_r(&t.tv_sec, &tm);
	size_t n = strftime(out, 31, "%Y-%m-%dT%H:%M:%S", &tm);
	return n + (size_t)snprintf(out + n, 31 - n, ".%09ldZ", t.tv_nsec);
}

const char *errno_name(int err)
{
	static char number[16];
	const char *name = strerrorname_np(err);
	if (name)
		return name;
	snprintf(number, sizeof(number), "%d", err);
	return number;
}

bool parse_number(const char *text, long long min, long long max, long long *out)
{
	char *end;
	if (*text == '\0' || *text == ' ' || *text == '+')
		return false;
	errno = 0;
	long long value = strtoll(text, &end, 10);
	if (errno != 0 || *end != '\0' || value < min || value > max)
		return false;
	*out = value;
	return true;
}

ssize_t read_file_at(int dir, const char *path, char *out, size_t capacity)
{
	fd_auto int fd = openat(dir, path, O_RDONLY | O_CLOEXEC);
	if (fd < 0)
		return -1;
	size_t length = 0;
	while (length + 1 < capacity) {
		ssize_t n = read(fd, out + length, capacity - 1 - length);
		if (n < 0 && errno == EINTR)
			continue;
		if (n < 0)
			return -1;
		if (n == 0)
			break;
		length += (size_t)n;
	}
	out[length] = '\0';
	return (ssize_t)length;
}

int write_file_at(int dir, const char *path, const char *value, size_t length)
{
	fd_auto int fd = openat(dir, path, O_WRONLY | O_CLOEXEC);
	if (fd < 0)
		return -1;
	ssize_t n;
	do
		n = write(fd, value, length);
	while (n < 0 && errno == EINTR);
	if (n < 0)
		return -1;
	if ((size_t)n != length) {
		errno = EIO;
		return -1;
	}
	return 0;
}

int write_all(int fd, const void *bytes, size_t length)
{
	const char *at = bytes;
	while (length > 0) {
		ssize_t n = write(fd, at, length);
		if (n < 0 && errno == EINTR)
			continue;
		if (n < 0)
			return -1;
		at += n;
		length -= (size_t)n;
	}
	return 0;
}

unsigned long long start_ticks(pid_t pid)
{
	char path[32];
	char stat[1024];
	snprintf(path, sizeof(path), "/proc/%d/stat", (int)pid);
	if (read_file_at(AT_FDCWD, path, stat, sizeof(stat)) < 0)
		return 0;
	/* The command in parentheses may hold anything; the last ')' ends it. Then field 3 (state) follows. */
	char *at = strrchr(stat, ')');
	for (int field = 2; at && field < 22; field++)
		at = strchr(at + 1, ' ');
	return at ? strtoull(at + 1, NULL, 10) : 0;
}

int op_fail(struct op_ctx *ctx, int err, const char *format, ...)
{
	if (ctx->failed)
		return -1;
	ctx->failed = true;
	ctx->err = err;
	va_list args;
	va_start(args, format);
	vsnprintf(ctx->text, sizeof(ctx->text), format, args);
	va_end(args);
	return -1;
}

int op_result(struct op_ctx *ctx, const char *format, ...)
{
	if (!ctx->results)
		return 0;
	va_list args;
	va_start(args, format);
	buf_vformat(ctx->results, format, args);
	va_end(args);
	return ctx->results->truncated ? op_fail(ctx, EMSGSIZE, "result is too long") : 0;
}

int op_result_bytes(struct op_ctx *ctx, const char *bytes, size_t length)
{
	if (!ctx->results)
		return 0;
	buf_bytes(ctx->results, bytes, length);
	return ctx->results->truncated ? op_fail(ctx, EMSGSIZE, "result is too long") : 0;
}

bool op_number(struct op_ctx *ctx, const char *what, const char *text, long long min, long long max, long long *out)
{
	if (parse_number(text, min, max, out))
		return true;
	op_fail(ctx, EINVAL, "%s %s is not a number from %lld to %lld", what, text, min, max);
	return false;
}
