/* Lines to a syslog receiver or to the journal, one message each. */
#include <sys/socket.h>
#include <time.h>

#include "log.h"

/* A receiver that went away is looked for again no more often than this. */
#define RETRY_US 1000000

enum { SEVERITY_ERROR = 3, SEVERITY_INFO = 6 };

static bool connect_remote(struct log_remote *remote)
{
	if (remote->fd >= 0)
		return true;
	if (now_us() < remote->retry_us)
		return false;
	remote->retry_us = now_us() + RETRY_US;
	int fd = socket(remote->address.ss_family, (remote->stream ? SOCK_STREAM : SOCK_DGRAM) | SOCK_CLOEXEC, 0);
	if (fd < 0)
		return false;
	/* Neither a receiver that is not there nor one that is stuck may hold the container for long. */
	struct timeval limit = {.tv_sec = 2};
	setsockopt(fd, SOL_SOCKET, SO_SNDTIMEO, &limit, sizeof(limit));
	if (connect(fd, (struct sockaddr *)&remote->address, remote->address_length) < 0) {
		close(fd);
		return false;
	}
	remote->fd = fd;
	return true;
}

static void stamp(const struct log_remote *remote, struct buf *out)
{
	char text[64];
	struct timespec now;
	struct tm when;
	clock_gettime(CLOCK_REALTIME, &now);
	if (remote->format == SYSLOG_LOCAL || remote->format == SYSLOG_3164) {
		localtime_r(&now.tv_sec, &when);
		strftime(text, sizeof(text), "%b %e %H:%M:%S", &when);
		buf_text(out, text);
		return;
	}
	gmtime_r(&now.tv_sec, &when);
	strftime(text, sizeof(text), "%Y-%m-%dT%H:%M:%S", &when);
	buf_text(out, text);
	if (remote->format == SYSLOG_5424_MICRO)
		buf_format(out, ".%06ld", now.tv_nsec / 1000);
	buf_text(out, "Z");
}

static void syslog_head(const struct log_remote *remote, int stream, struct buf *out)
{
	int priority = remote->facility * 8 + (stream == LOG_STDERR ? SEVERITY_ERROR : SEVERITY_INFO);
	int pid = (int)getpid();
	switch (remote->format) {
	case SYSLOG_LOCAL:
		buf_format(out, "<%d>", priority);
		stamp(remote, out);
		buf_format(out, " %s[%d]: ", remote->tag, pid);
		break;
	case SYSLOG_REMOTE:
		buf_format(out, "<%d> ", priority);
		stamp(remote, out);
		buf_format(out, " %s %s[%d]: ", remote->host, remote->tag, pid);
		break;
	case SYSLOG_3164:
		buf_format(out, "<%d>", priority);
		stamp(remote, out);
		buf_format(out, " %s %s[%d]: ", remote->host, remote->tag, pid);
		break;
	case SYSLOG_5424:
	case SYSLOG_5424_MICRO:
		buf_format(out, "<%d>1 ", priority);
		stamp(remote, out);
		buf_format(out, " %s %s %d %s - ", remote->host, remote->tag, pid, remote->tag);
		break;
	}
}

/* The form for values with any bytes: name, newline, length as 64 bits little-endian, value, newline. */
static void journal_message(const struct log_remote *remote, int stream, bool partial, const char *head, size_t head_length, const char *tail, size_t tail_length, struct buf *out)
{
	uint64_t length = head_length + tail_length;
	buf_bytes(out, remote->fields, remote->fields_length);
	buf_format(out, "PRIORITY=%d\n%s", stream == LOG_STDERR ? SEVERITY_ERROR : SEVERITY_INFO, partial ? "CONTAINER_PARTIAL_MESSAGE=true\n" : "");
	buf_text(out, "MESSAGE\n");
	for (int i = 0; i < 8; i++) {
		char byte = (char)(length >> (8 * i));
		buf_bytes(out, &byte, 1);
	}
	buf_bytes(out, head, head_length);
	buf_bytes(out, tail, tail_length);
	buf_text(out, "\n");
}

static bool deliver(struct log_remote *remote, const struct buf *message)
{
	size_t sent = 0;
	while (sent < message->length) {
		ssize_t n = send(remote->fd, message->data + sent, message->length - sent, MSG_NOSIGNAL | (remote->never_waits ? MSG_DONTWAIT : 0));
		if (n < 0 && errno == EINTR)
			continue;
		/* Of a connection's line a part is through: the rest follows later or never, so the connection is of no more use. */
		if (n < 0) {
			if (sent > 0 || (errno != EAGAIN && errno != ENOBUFS))
				close_fd(&remote->fd);
			return false;
		}
		sent += (size_t)n;
	}
	return true;
}

bool remote_line(struct log_remote *remote, int stream, bool partial, const char *head, size_t head_length, const char *tail, size_t tail_length)
{
	static char data[LOG_CHUNK + 8192];
	struct buf message = {.data = data, .capacity = sizeof(data)};
	size_t *last = tail_length > 0 ? &tail_length : &head_length;
	if (!partial && *last > 0)
		(*last)--; /* the newline is not part of what is said */
	if (!connect_remote(remote))
		return false;
	if (remote->kind == REMOTE_JOURNAL) {
		journal_message(remote, stream, partial, head, head_length, tail, tail_length, &message);
	} else {
		syslog_head(remote, stream, &message);
		buf_bytes(&message, head, head_length);
		buf_bytes(&message, tail, tail_length);
		if (remote->stream)
			buf_text(&message, "\n");
	}
	return deliver(remote, &message);
}
