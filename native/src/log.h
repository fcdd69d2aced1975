/* Container log in docker's json-file format: {"log":"line\n","stream":"stdout","time":"…"}, one a line, rotated by size. */
#ifndef GANTRY_LOG_H
#define GANTRY_LOG_H

#include "core.h"

/* docker's copier cuts longer lines into parts of this size, of which only the last ends in a newline. */
#define LOG_CHUNK (16 * 1024)

struct log {
	const char *path;
	long long max_bytes; /* 0: never rotated */
	int max_files;
	int fd; /* -1: no log */
	long long size;
	unsigned long long dropped; /* lines lost to a full disk */
	struct buf out;
	/* Beginning of a line whose end has not come yet, for stdout and stderr. */
	struct {
		char *data;
		size_t length;
	} partial[2];
};

enum { LOG_STDOUT, LOG_STDERR };

/* False when memory for its buffers cannot be had. */
bool log_init(struct log *log, const char *path, int fd, long long max_bytes, int max_files);
/* Takes output of one stream and writes the lines that are complete. A failing disk loses lines, never blocks, and is counted. */
void log_write(struct log *log, int stream, const char *bytes, size_t length);
/* What is left of a line without end, at the end of the stream. */
void log_finish(struct log *log);
/* Gives pages of idle buffers back. */
void log_idle(struct log *log);

#endif
