/* Container log in docker's json-file format: {"log":"line\n","stream":"stdout","time":"…"}, one a line, rotated by size. */
#ifndef GANTRY_LOG_H
#define GANTRY_LOG_H

#include <sys/socket.h>

#include "core.h"

/* docker's copier cuts longer lines into parts of this size, of which only the last ends in a newline. */
#define LOG_CHUNK (16 * 1024)

/* A receiver of lines in place of the file: syslog (RFC 3164, RFC 5424) or the journal's native protocol. log_remote.c */
struct log_remote {
	enum { REMOTE_NONE, REMOTE_SYSLOG, REMOTE_JOURNAL } kind;
	enum { SYSLOG_LOCAL, SYSLOG_REMOTE, SYSLOG_3164, SYSLOG_5424, SYSLOG_5424_MICRO } format;
	int facility;
	bool stream;       /* lines end in a newline, as a connection does not keep them apart */
	bool never_waits;  /* what the receiver does not take at once is dropped */
	char tag[256];
	char host[65];
	char fields[4096]; /* of the journal: NAME=value lines */
	size_t fields_length;
	struct sockaddr_storage address;
	socklen_t address_length;
	int fd;
	uint64_t retry_us; /* no new connection before */
};

/* What a log is like; from the plan's `log*` operations. */
struct log_options {
	char path[512];
	long long max_bytes; /* 0: never rotated */
	int max_files;
	bool compress;
	char attrs[4096]; /* `"attrs":{…},` of every line, or nothing */
	struct log_remote remote;
};

struct log {
	const char *path;
	long long max_bytes; /* 0: never rotated */
	int max_files;
	int fd; /* -1: no log */
	long long size;
	unsigned long long dropped; /* lines lost to a full disk or a receiver that is away */
	struct log_options *options;
	pid_t compressing; /* the child that packs the file rotated last; 0: none */
	struct buf out;
	/* Beginning of a line whose end has not come yet, for stdout and stderr. */
	struct {
		char *data;
		size_t length;
	} partial[2];
};

enum { LOG_STDOUT, LOG_STDERR };

/* False when memory for its buffers cannot be had. */
bool log_init(struct log *log, struct log_options *options, int fd);
/* Takes output of one stream and writes the lines that are complete. A failing disk loses lines, never blocks, and is counted. */
void log_write(struct log *log, int stream, const char *bytes, size_t length);
/* What is left of a line without end, at the end of the stream. */
void log_finish(struct log *log);
/* Gives pages of idle buffers back. */
void log_idle(struct log *log);

/* One line or part of one. False when it was lost. */
bool remote_line(struct log_remote *remote, int stream, bool partial, const char *head, size_t head_length, const char *tail, size_t tail_length);

#endif
