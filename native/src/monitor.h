/* The parent of one process: its streams, log, viewers and exit record. */
#ifndef GANTRY_MONITOR_H
#define GANTRY_MONITOR_H

#include "log.h"

struct monitor {
	char key[80];
	char dir[200];
	char exit_file[512];

	/* Set up before the process exists. */
	bool tty;
	unsigned short columns;
	unsigned short rows;
	enum { STDIN_NONE, STDIN_OPEN, STDIN_ONCE } stdin_mode;
	unsigned int hold_ms;
	unsigned int hold_viewers;
	struct log_options log_options;
	char ring_path[512];
	long long ring_bytes;
	/* memory.oom_control or memory.events of the process's memory group, and its count of kills before the start. */
	char oom_file[512];
	long long oom_before;

	/* Open while it runs; -1 otherwise. */
	int listener;
	int ring;
	int log;
	int in;  /* pipe to stdin, or the pty's master */
	int out; /* pipe from stdout, or the pty's master */
	int err; /* pipe from stderr */

	pid_t pid;
	int pidfd;
	unsigned long long ticks;
};

/* Opens log, ring and socket. 0, or -1 after op_fail(). */
int monitor_open(struct op_ctx *ctx, struct monitor *monitor);
/* Removes what monitor_open made, when the start failed. */
void monitor_discard(struct monitor *monitor);
/* Watches the started process to its end; returns when nothing is left to do. */
void monitor_watch(struct monitor *monitor);
/* Kills by the OOM killer counted in `file`; 0 when it cannot be read. */
long long oom_kills(const char *file);

#endif
