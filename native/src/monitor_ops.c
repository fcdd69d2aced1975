/* The `monitor` section: how the process's streams, log and exit record are kept. */
#include <stdlib.h>

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

/* hold MILLISECONDS: leave output in the pipe until a viewer is there, at most this long */
static int hold_prepare(struct start *start, struct planned *planned)
{
	long long ms;
	if (!op_number(&start->ctx, "hold", planned->args[0], 0, 600000, &ms))
		return -1;
	start->monitor->hold_ms = (unsigned int)ms;
	return 0;
}

/* log PATH MAXBYTES MAXFILES: docker's json-file format, rotated */
static int log_prepare(struct start *start, struct planned *planned)
{
	struct monitor *monitor = start->monitor;
	long long files;
	if (!op_number(&start->ctx, "log size", planned->args[1], 0, INT64_MAX, &monitor->log_max_bytes) ||
	    !op_number(&start->ctx, "log files", planned->args[2], 1, 1000, &files))
		return -1;
	monitor->log_max_files = (int)files;
	return copy_path(start, monitor->log_path, sizeof(monitor->log_path), planned->args[0]);
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
	{.name = "hold", .min_args = 1, .prepare = hold_prepare},
	{.name = "log", .min_args = 3, .prepare = log_prepare},
	{.name = "exit.file", .min_args = 1, .prepare = exit_file_prepare},
	{.name = NULL},
};
