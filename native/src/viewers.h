/*
 * Who looks at a process, over the monitor's socket (SOCK_STREAM, mode 0600). Frames both ways: u8 type, u24 length (little
 * endian), payload of at most 16 KiB.
 *
 *   to the monitor     'A' FROM NUL FLAGS NUL COLUMNS NUL ROWS NUL   attach: FROM is a byte offset or `end`; FLAGS of i o e, and
 *                                                                    h: one of the viewers that `hold` announced
 *                      'I' bytes for stdin      'C' close stdin      'R' u16 columns, u16 rows
 *                      'N' one of the announced viewers does not come
 *                      'Q' status, and from then on told of the end
 *   from the monitor   'B' u64 offset of the first byte that follows (answer to 'A')
 *                      'O' stdout bytes         'E' stderr bytes
 *                      'S' status as JSON       'X' exit record as JSON, the last frame
 *
 * A viewer that is connected and slow slows the process down in the end; one that has left never does.
 */
#ifndef GANTRY_VIEWERS_H
#define GANTRY_VIEWERS_H

#include <poll.h>

#include "monitor.h"

#define MAX_VIEWERS 48
#define MAX_PAYLOAD (16 * 1024)

/*
 * Output for viewers. A terminal's ring is a file and holds its bytes; offsets are the output's. Without a terminal the ring is
 * in memory, there only while somebody looks (or will), and holds frames, so that the two streams stay in order.
 */
struct ring {
	bool framed;
	int fd;
	char *memory;
	uint64_t size;
	uint64_t head; /* next byte to write */
	uint64_t tail; /* oldest byte kept */
	uint64_t output_bytes;
};

bool ring_open_memory(struct ring *ring);
void ring_close_memory(struct ring *ring);
/* Makes room in memory for so many bytes of output besides all that is kept. */
bool ring_grow(struct ring *ring, size_t more);
void ring_write(struct ring *ring, char type, const char *bytes, size_t length);

struct viewers;
struct viewer {
	int fd; /* -1: free */
	bool undecided; /* connected, and has not said yet what for: output is kept as if it looked */
	bool attached;
	bool asked_status;
	bool input;
	bool told_exit;
	uint64_t offset;
	uint64_t first; /* bytes of output before what is at `offset` */
	unsigned char header[4];
	unsigned int header_used;
	unsigned int left; /* payload bytes of the current frame still to come */
	unsigned int small_used;
	char small[64]; /* payload of frames other than 'I' */
};

/* Puts up to 16 KiB of unsent output on each viewer's socket. */
bool viewer_send(struct viewer *viewer, struct ring *ring);
bool viewer_frame(struct viewer *viewer, char type, const void *payload, size_t length);

#endif
