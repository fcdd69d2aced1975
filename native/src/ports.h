/*
 * gantry-ports: the listeners behind published ports. One process per instance; it outlives the agent, as the containers do.
 * Single thread, epoll. ports.c (loop, listeners), ports_control.c (the agent's socket), ports_stream.c (TCP by splice, SCTP by
 * messages), ports_datagram.c (UDP flows), ports_privileges.c (what is given up after the start).
 */
#ifndef GANTRY_PORTS_H
#define GANTRY_PORTS_H

#include <netinet/in.h>
#include <stdbool.h>
#include <stdint.h>

enum protocol { TCP, UDP, SCTP };

/* What epoll events lead to; the first member of everything that waits for events. */
struct source {
	void (*ready)(struct source *source, uint32_t events);
};

union address {
	struct sockaddr any;
	struct sockaddr_in in;
	struct sockaddr_in6 in6;
};

struct connection;
struct flow;

struct listener {
	struct source source;
	struct listener *next;
	int fd;
	unsigned number; /* how the agent names it */
	enum protocol protocol;
	union address host, target;
	bool paused; /* out of descriptors: not in the epoll set */
	struct connection *connections;
	/* UDP: flows by peer, and in the order of their last datagram. */
	struct flow **table;
	struct flow *oldest, *newest;
	unsigned flows;
};

/* ports.c */
extern struct listener *listeners;
socklen_t address_size(const union address *address);
bool address_parse(const char *text, unsigned port, union address *out);
/* "ADDRESS PORT"; `out` holds 64 bytes. */
void address_format(const union address *address, char out[64]);
bool address_is_loopback(const union address *address);
/* Registers for `events`, edge-triggered where they say so. 0 or -1 with errno. */
int watch(int fd, uint32_t events, struct source *source);
void unwatch(int fd);
/* Freed when the events at hand are through: some of them may still point there. */
void discard(void *memory);
/* After descriptors or memory came back: listeners that had to rest go on. */
void resume_listeners(void);
void pause_listener(struct listener *listener);
/* A new listener, or NULL with errno. */
struct listener *listener_open(enum protocol protocol, const union address *host, const union address *target);
void listener_aim(struct listener *listener, const union address *target);
void listener_close(struct listener *listener);
uint64_t now_ms(void);

/* ports_stream.c */
void stream_accept(struct source *source, uint32_t events);
void stream_close_all(struct listener *listener);
/* Connections that used up their turn; true while there are any. */
bool stream_turn(void);

/* ports_datagram.c */
int datagram_open(struct listener *listener);
void datagram_ready(struct source *source, uint32_t events);
void datagram_close_all(struct listener *listener);
/* Ends flows that were silent too long; milliseconds until the next look, -1 for none. */
int datagram_expire(void);

/* ports_control.c */
int control_open(int listening);
bool control_connected(void);
bool control_was_connected(void);

/* ports_privileges.c */
int give_up_privileges(void);

#endif
