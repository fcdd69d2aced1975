/* Reports of gantry-unpack: one JSON object a line on descriptor 3. */
#include "unpack.h"

#include <errno.h>
#include <pthread.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

/* The threads of one process must not cut into each other's lines. */
static pthread_mutex_t writing = PTHREAD_MUTEX_INITIALIZER;

static void write_line(char *line, size_t length)
{
	pthread_mutex_lock(&writing);
	while (length > 0) {
		ssize_t n = write(UNPACK_REPORT_FD, line, length);
		if (n < 0 && errno == EINTR)
			continue;
		if (n <= 0)
			_exit(2); /* nobody reads any more */
		line += n;
		length -= (size_t)n;
	}
	pthread_mutex_unlock(&writing);
}

void report(const char *event, const char *format, ...)
{
	char line[4 * UNPACK_PATH_MAX * 6];
	int n = snprintf(line, sizeof line, "{\"event\":\"%s\",", event);
	va_list args;
	va_start(args, format);
	int m = vsnprintf(line + n, sizeof line - (size_t)n - 3, format, args);
	va_end(args);
	if (m < 0 || (size_t)m >= sizeof line - (size_t)n - 3)
		_exit(2);
	n += m;
	memcpy(line + n, "}\n", 3);
	write_line(line, (size_t)n + 2);
}

void fail(const char *kind, const char *step, int errnum, const char *format, ...)
{
	char text[UNPACK_PATH_MAX * 2 + 512];
	va_list args;
	va_start(args, format);
	vsnprintf(text, sizeof text - 300, format, args);
	va_end(args);
	if (errnum) {
		size_t n = strlen(text);
		snprintf(text + n, sizeof text - n, ": %s", strerrordesc_np(errnum));
	}
	report("error", "\"kind\":\"%s\",\"step\":\"%s\",\"errno\":\"%s\",\"text\":\"%s\"", kind, json(step),
	       errnum ? strerrorname_np(errnum) : "", json(text));
	_exit(1);
}

/* Length of the UTF-8 sequence at `p`, 0 when it is none (RFC 3629, without looking for overlong forms of three and four bytes). */
static int utf8_length(const unsigned char *p)
{
	int n = *p >= 0xc2 && *p < 0xe0 ? 2 : (*p & 0xf0) == 0xe0 ? 3 : *p >= 0xf0 && *p < 0xf5 ? 4 : 0;
	for (int i = 1; i < n; i++)
		if ((p[i] & 0xc0) != 0x80)
			return 0;
	return n;
}

const char *json(const char *text)
{
	static __thread char buffers[4][UNPACK_PATH_MAX * 6 + 8192];
	static __thread unsigned turn;
	char *out = buffers[turn++ % 4];
	size_t at = 0;
	for (const unsigned char *p = (const unsigned char *)text; *p && at < sizeof buffers[0] - 8;) {
		int n = *p < 0x80 ? 1 : utf8_length(p);
		if (n == 0) {
			at += (size_t)sprintf(out + at, "\\ufffd");
			n = 1;
		} else if (n > 1) {
			memcpy(out + at, p, (size_t)n);
			at += (size_t)n;
		} else if (*p < 0x20 || *p == 0x7f || *p == '"' || *p == '\\') {
			at += (size_t)sprintf(out + at, "\\u%04x", *p);
		} else {
			out[at++] = (char)*p;
		}
		p += n;
	}
	out[at] = '\0';
	return out;
}
