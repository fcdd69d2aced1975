/* Small things all of the launcher's files use: descriptors, text buffers, time, kernel constants that old headers lack. */
#ifndef GANTRY_CORE_H
#define GANTRY_CORE_H

#include <errno.h>
#include <fcntl.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <sys/types.h>
#include <unistd.h>

#include "ops.h"

#define ARRAY_SIZE(a) (sizeof(a) / sizeof((a)[0]))

/* Text of bounded size in a region that the kernel fills page by page; never realloc'ed, so it costs what it holds. */
struct buf {
	char *data;
	size_t length;
	size_t capacity;
	bool truncated;
};
/* Reserves `capacity` bytes of address space; data is NULL when that fails. */
struct buf buf_reserve(size_t capacity);
void buf_release(struct buf *buf);
void buf_bytes(struct buf *buf, const char *bytes, size_t length);
void buf_text(struct buf *buf, const char *text);
void buf_format(struct buf *buf, const char *format, ...) __attribute__((format(printf, 2, 3)));
void buf_vformat(struct buf *buf, const char *format, va_list args);
/* As a JSON string with its quotes; bytes that are not UTF-8 become U+FFFD. */
void buf_json(struct buf *buf, const char *bytes, size_t length);
/* The same without quotes. */
void buf_json_inner(struct buf *buf, const char *bytes, size_t length);

/* Microseconds of CLOCK_MONOTONIC. */
uint64_t now_us(void);
/* RFC 3339 with nanoseconds, UTC; `out` holds 31 bytes. Returns its length, 30. */
size_t now_rfc3339(char out[31]);

/* `errno` by name (ENOENT), or its number. */
const char *errno_name(int err);

bool parse_number(const char *text, long long min, long long max, long long *out);
/* Whole file, at most capacity - 1 bytes and a NUL; the length or -1 with errno. */
ssize_t read_file_at(int dir, const char *path, char *out, size_t capacity);
/* One write(2), as cgroupfs and procfs want it. 0 or -1 with errno. */
int write_file_at(int dir, const char *path, const char *value, size_t length);
/* Whole buffer, retrying short writes and EINTR. 0 or -1 with errno. */
int write_all(int fd, const void *bytes, size_t length);
/* Field 22 of /proc/PID/stat, clock ticks since boot; 0 when the process is gone. */
unsigned long long start_ticks(pid_t pid);

/* What `op_fail` and `op_result` act on. */
struct op_ctx {
	const char *op;
	bool failed;
	int err;
	char text[512];
	struct buf *results;
	size_t result_start;
};
/* Runs one operation by name from host_ops[] and net_ops[]; -1 with ctx filled. */
int run_host_op(struct op_ctx *ctx, char **op, int n);

#ifndef CLOSE_RANGE_CLOEXEC
#define CLOSE_RANGE_CLOEXEC (1U << 2)
#endif
/* include/uapi/linux/magic.h */
#define PROC_MAGIC 0x9fa0
#define DEVPTS_MAGIC 0x1cd1
#define TMPFS_MAGIC_ 0x01021994
#define CGROUP1_MAGIC 0x27e0eb
#define CGROUP2_MAGIC 0x63677270

#endif
