/* A process being watched, as the parts of the monitor share it: its loop (monitor.c), its viewers, its end. */
#ifndef GANTRY_MONITOR_WATCH_H
#define GANTRY_MONITOR_WATCH_H

#include "log.h"
#include "monitor.h"
#include "viewers.h"

#define CHUNK (32 * 1024)
#define INPUT_BYTES 4096

struct watch {
	struct monitor *monitor;
	struct log log;
	struct ring ring;
	struct viewer viewers[MAX_VIEWERS];
	char *chunk;
	/* Input that stdin has not taken yet; while there is some, no viewer is read. */
	char input[INPUT_BYTES];
	size_t input_start, input_end;
	uint64_t hold_until_us;   /* output is left in the pipe until then; 0: not held */
	uint64_t expect_until_us; /* the end waits so long for a viewer that was announced; 0: for none */
	uint64_t leave_until_us;  /* the end waits so long for viewers with input to leave; 0: none was told of it yet */
	unsigned int expected;    /* announced viewers that have neither come nor been called off */
	bool exited;
	bool event_pending;
	bool busy; /* buffers were used since they were last given back */
	char record[512];
	size_t record_length;
};

/* monitor_viewers.c: who looks at the process and types into it. */
/* Everybody who has connected by now. */
void watch_accept_viewers(struct watch *watch);
void watch_drop_viewer(struct watch *watch, struct viewer *viewer);
/* Reads some bytes of one frame. False when the viewer has left or speaks nonsense. */
bool watch_read_viewer(struct watch *watch, struct viewer *viewer);
void watch_push_input(struct watch *watch);
/* Gives viewers what they have not seen yet, and the end. */
void watch_send(struct watch *watch);
bool watch_owes_exit(const struct watch *watch, const struct viewer *viewer);
/* The slowest viewer decides how much more may be read. */
bool watch_has_room(const struct watch *watch);
/* No announced viewer comes any more: output is not held for one. */
void watch_expect_nobody(struct watch *watch);

/* monitor_end.c: output, and what is done with the process's end. */
/* Reads once. False when there is nothing now; closes the descriptor at the end of the stream. */
bool watch_read_output(struct watch *watch, int *fd, int stream);
void watch_handle_exit(struct watch *watch);
/* Tells the agent of the end as far as the wire has room now. */
void watch_tell_agent(struct watch *watch);
/* True when nothing is left to do: the process has ended, and everyone who has to know it knows. */
bool watch_is_over(struct watch *watch);

#endif
