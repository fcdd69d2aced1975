/*
 * The wire to the agent: descriptor 3, a stream socket.
 *
 *   agent -> launcher   frame: u32 length (little endian), then that many bytes of NUL-ended tokens:
 *                         ID ops   { COUNT NAME ARG… }…
 *                         ID start KEY MONITORDIR { COUNT NAME ARG… }…   with the operations @host @monitor @namespaces
 *                                                                        @rootfs @process between the sections
 *   launcher, monitors, children -> agent   lines of JSON, each sent whole by one send(2) of at most LINE_BYTES:
 *                         {"id":N,"parts":[[INDEX,"TEXT"],…]}            results, pieces of one index to be joined in order
 *                         {"id":N,"parts":[…],"done":COUNT}
 *                         {"id":N,"started":{…}}
 *                         {"id":N,"error":{"step":…,"errno":…,"text":…}}
 *                         {"event":"exit",…}  {"event":"lost","key":…}
 *
 * Every process that has something to say says it itself: a unix stream socket keeps one small send in one piece.
 */
#ifndef GANTRY_WIRE_H
#define GANTRY_WIRE_H

#include "core.h"

#define WIRE_FD 3
#define LINE_BYTES (32 * 1024)
#define MAX_FRAME (8 * 1024 * 1024)

/* One request, its tokens in place. */
struct request {
	unsigned long id;
	char *tokens;
	size_t length;
	/* After the header's tokens. */
	char *ops;
	size_t ops_length;
	const char *verb;
	const char *key;
	const char *dir;
};

/* False when the frame is malformed. */
bool request_parse(struct request *request, char *tokens, size_t length);

/* One operation: args[0] is its name. */
struct op_tokens {
	char **args;
	int n;
};
/* Cuts the operations out of the tokens; `args` and `ops` are filled up to their limits. -1 when malformed or too many. */
int ops_parse(char *tokens, size_t length, char **args, size_t max_args, struct op_tokens *ops, size_t max_ops);

/* Sends one line, waiting for room. False when nobody listens any more. */
bool wire_line(const struct buf *line);
/* The same, but gives up when there is no room now: 1 sent, 0 try later, -1 nobody listens. */
int wire_line_now(const struct buf *line);
void wire_error(unsigned long id, const char *step, int err, const char *text);

#endif
