/* The `monitor` section: how the process's streams, log and exit record are kept. */
#include <arpa/inet.h>
#include <netinet/in.h>
#include <stdlib.h>
#include <sys/un.h>

#include "start.h"

/* tty COLUMNS ROWS */
static int tty_prepare(struct start *start, struct planned *planned)
{
	long long columns, rows;
	if (!op_number(&start->ctx, "columns", planned->args[0], 1, 1000, &columns) || !op_number(&start->ctx, "rows", planned->args[1], 1, 1000, &rows))
		return -1;
	start->monitor->tty = true;
	start->monitor->columns = (unsigned short)columns;
	start->monitor->rows = (unsigned short)rows;
	return 0;
}

static int copy_path(struct start *start, char *out, size_t size, const char *path)
{
	if (path[0] != '/' || strlen(path) >= size)
		return op_fail(&start->ctx, ENAMETOOLONG, "path %s must be absolute and shorter than %zu bytes", path, size);
	snprintf(out, size, "%s", path);
	return 0;
}

/* ring PATH BYTES: terminal output kept for viewers that come back */
static int ring_prepare(struct start *start, struct planned *planned)
{
	struct monitor *monitor = start->monitor;
	if (!op_number(&start->ctx, "ring size", planned->args[1], 65536, 1LL << 30, &monitor->ring_bytes))
		return -1;
	return copy_path(start, monitor->ring_path, sizeof(monitor->ring_path), planned->args[0]);
}

/* stdin none|open|once: `once` closes it when the first viewer that may write leaves */
static int stdin_prepare(struct start *start, struct planned *planned)
{
	const char *mode = planned->args[0];
	if (strcmp(mode, "none") == 0)
		start->monitor->stdin_mode = STDIN_NONE;
	else if (strcmp(mode, "open") == 0)
		start->monitor->stdin_mode = STDIN_OPEN;
	else if (strcmp(mode, "once") == 0)
		start->monitor->stdin_mode = STDIN_ONCE;
	else
		return op_fail(&start->ctx, EINVAL, "stdin %s is not none, open or once", mode);
	return 0;
}

/*
 * hold MILLISECONDS VIEWERS: leave output in the pipe until so many announced viewers have come or been called off, or the agent has
 * gone; at most this long
 */
static int hold_prepare(struct start *start, struct planned *planned)
{
	long long ms, viewers;
	if (!op_number(&start->ctx, "hold", planned->args[0], 0, 600000, &ms) ||
	    !op_number(&start->ctx, "hold", planned->args[1], 1, 1000000, &viewers))
		return -1;
	start->monitor->hold_ms = (unsigned int)ms;
	start->monitor->hold_viewers = (unsigned int)viewers;
	return 0;
}

/* log PATH MAXBYTES MAXFILES: docker's json-file format, rotated */
static int log_prepare(struct start *start, struct planned *planned)
{
	struct log_options *log = &start->monitor->log_options;
	long long files;
	if (!op_number(&start->ctx, "log size", planned->args[1], 0, INT64_MAX, &log->max_bytes) ||
	    !op_number(&start->ctx, "log files", planned->args[2], 1, 1000, &files))
		return -1;
	log->max_files = (int)files;
	return copy_path(start, log->path, sizeof(log->path), planned->args[0]);
}

/* log.compress: rotated files are packed by gzip */
static int log_compress_prepare(struct start *start, struct planned *planned)
{
	(void)planned;
	start->monitor->log_options.compress = true;
	return 0;
}

static int copy_text(struct start *start, char *out, size_t size, const char *text, const char *what)
{
	if (strlen(text) >= size)
		return op_fail(&start->ctx, E2BIG, "%s is longer than %zu bytes", what, size - 1);
	snprintf(out, size, "%s", text);
	return 0;
}

/* log.attrs JSON: an object that comes with every line */
static int log_attrs_prepare(struct start *start, struct planned *planned)
{
	char *attrs = start->monitor->log_options.attrs;
	size_t size = sizeof(start->monitor->log_options.attrs);
	int n = snprintf(attrs, size, "\"attrs\":%s,", planned->args[0]);
	return n >= (int)size ? op_fail(&start->ctx, E2BIG, "attributes of log lines are longer than %zu bytes", size - 11) : 0;
}

static int unix_address(struct start *start, struct log_remote *remote, const char *path)
{
	struct sockaddr_un *address = (struct sockaddr_un *)(void *)&remote->address;
	address->sun_family = AF_UNIX;
	remote->address_length = sizeof(*address);
	return copy_text(start, address->sun_path, sizeof(address->sun_path), path, "socket path");
}

static int inet_address(struct start *start, struct log_remote *remote, const char *host, const char *port_text)
{
	struct sockaddr_in *v4 = (struct sockaddr_in *)(void *)&remote->address;
	struct sockaddr_in6 *v6 = (struct sockaddr_in6 *)(void *)&remote->address;
	long long port;
	if (!op_number(&start->ctx, "port", port_text, 1, 65535, &port))
		return -1;
	if (inet_pton(AF_INET, host, &v4->sin_addr) == 1) {
		v4->sin_family = AF_INET;
		v4->sin_port = htons((uint16_t)port);
		remote->address_length = sizeof(*v4);
	} else if (inet_pton(AF_INET6, host, &v6->sin6_addr) == 1) {
		v6->sin6_family = AF_INET6;
		v6->sin6_port = htons((uint16_t)port);
		remote->address_length = sizeof(*v6);
	} else {
		return op_fail(&start->ctx, EINVAL, "log receiver %s is not an address", host);
	}
	return 0;
}

/* log.syslog unixgram|unix|udp|tcp ADDRESS PORT FACILITY FORMAT TAG HOST [drop]: `drop` loses what is not taken at once */
static int log_syslog_prepare(struct start *start, struct planned *planned)
{
	static const char *const formats[] = {"local", "remote", "rfc3164", "rfc5424", "rfc5424micro"};
	struct log_remote *remote = &start->monitor->log_options.remote;
	char **args = planned->args;
	long long facility;
	size_t format = 0;
	while (format < ARRAY_SIZE(formats) && strcmp(formats[format], args[4]) != 0)
		format++;
	if (format == ARRAY_SIZE(formats))
		return op_fail(&start->ctx, EINVAL, "unknown syslog format %s", args[4]);
	if (!op_number(&start->ctx, "facility", args[3], 0, 23, &facility) ||
	    copy_text(start, remote->tag, sizeof(remote->tag), args[5], "log tag") < 0 || copy_text(start, remote->host, sizeof(remote->host), args[6], "host name") < 0)
		return -1;
	remote->kind = REMOTE_SYSLOG;
	remote->fd = -1;
	remote->format = (unsigned int)format;
	remote->facility = (int)facility;
	remote->stream = strcmp(args[0], "unix") == 0 || strcmp(args[0], "tcp") == 0;
	remote->never_waits = planned->n > 7;
	return strncmp(args[0], "unix", 4) == 0 ? unix_address(start, remote, args[1]) : inet_address(start, remote, args[1], args[2]);
}

/* log.journal SOCKET drop|wait NAME=VALUE…: the journal's native protocol, with these fields in every entry */
static int log_journal_prepare(struct start *start, struct planned *planned)
{
	struct log_remote *remote = &start->monitor->log_options.remote;
	struct buf fields = {.data = remote->fields, .capacity = sizeof(remote->fields)};
	remote->kind = REMOTE_JOURNAL;
	remote->fd = -1;
	remote->never_waits = strcmp(planned->args[1], "drop") == 0;
	for (int i = 2; i < planned->n; i++) {
		if (strchr(planned->args[i], '\n') || !strchr(planned->args[i], '='))
			return op_fail(&start->ctx, EINVAL, "journal field %.64s is not NAME=VALUE in one line", planned->args[i]);
		buf_format(&fields, "%s\n", planned->args[i]);
	}
	if (fields.truncated)
		return op_fail(&start->ctx, E2BIG, "journal fields are longer than %zu bytes", sizeof(remote->fields));
	remote->fields_length = fields.length;
	return unix_address(start, remote, planned->args[0]);
}

/* exit.file PATH: fsynced copy of the exit record */
static int exit_file_prepare(struct start *start, struct planned *planned)
{
	return copy_path(start, start->monitor->exit_file, sizeof(start->monitor->exit_file), planned->args[0]);
}

const struct start_op monitor_ops[] = {
	{.name = "tty", .min_args = 2, .prepare = tty_prepare},
	{.name = "ring", .min_args = 2, .prepare = ring_prepare},
	{.name = "stdin", .min_args = 1, .prepare = stdin_prepare},
	{.name = "hold", .min_args = 2, .prepare = hold_prepare},
	{.name = "log", .min_args = 3, .prepare = log_prepare},
	{.name = "log.compress", .min_args = 0, .prepare = log_compress_prepare},
	{.name = "log.attrs", .min_args = 1, .prepare = log_attrs_prepare},
	{.name = "log.syslog", .min_args = 7, .prepare = log_syslog_prepare},
	{.name = "log.journal", .min_args = 2, .prepare = log_journal_prepare},
	{.name = "exit.file", .min_args = 1, .prepare = exit_file_prepare},
	{.name = NULL},
};
