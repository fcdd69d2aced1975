/*
 * gantry-ports: the listeners behind published ports. One process per instance; it outlives the agent, as the containers do.
 * ports.c (loop, listeners), ports_control.c (the agent's words), ports_stream.c (TCP by splice, SCTP by messages), ports_datagram.c
 * (UDP flows); keeper.h has what it shares with gantry-dns.
 */
#ifndef GANTRY_PORTS_H
#define GANTRY_PORTS_H

#include "keeper.h"

enum protocol { TCP, UDP, SCTP };

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
bool address_is_loopback(const union address *address);
/* After descriptors or memory came back: listeners that had to rest go on. */
void resume_listeners(void);
void pause_listener(struct listener *listener);
/* A new listener, or NULL with errno. */
struct listener *listener_open(enum protocol protocol, const union address *host, const union address *target);
void listener_aim(struct listener *listener, const union address *target);
void listener_close(struct listener *listener);

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

#endif
