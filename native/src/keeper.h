/*
 * What the processes that outlive the agent (gantry-ports, gantry-dns) have in common: one thread with an epoll set, the agent's
 * socket with its lines of words, addresses, and what they give up after their start (keeper_privileges.c).
 *
 * The agent's socket: lines of text, answered in order. One agent at a time; a new one takes the place of the former. The greeting is
 * `PROGRAM VERSION`; a request is `ID VERB WORD…`, its answer `ID ok WORD…` after any number of `ID item WORD…`, or `ID failed ERRNO`.
 * Every program knows `end`. That and the greeting's form never change: an agent of another version ends the process and starts its own.
 */
#ifndef GANTRY_KEEPER_H
#define GANTRY_KEEPER_H

#include <netinet/in.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* What epoll events lead to; the first member of everything that waits for events. */
struct source {
	void (*ready)(struct source *source, uint32_t events);
};

union address {
	struct sockaddr any;
	struct sockaddr_in in;
	struct sockaddr_in6 in6;
};

socklen_t address_size(const union address *address);
bool address_parse(const char *text, unsigned port, union address *out);
/* "ADDRESS PORT"; `out` holds 64 bytes. */
void address_format(const union address *address, char out[64]);
uint64_t now_ms(void);

/* A request of the agent: `run` gets `fields` words (at least 2: ID and VERB), says what it has to say, and returns 0 or -1 with errno. */
struct verb {
	const char *name;
	int fields;
	int (*run)(char **field);
};

/* Sets up signals, limits, the epoll set, and the listening socket that the agent connects to. 0 or -1 with errno. */
int keeper_open(int door, const char *greeting, const struct verb *verbs, size_t count);
/* Waits for events and lets their sources act. */
void keeper_turn(int timeout_ms);
/* Whether somebody is there or may still come: an agent that was killed before it could connect must not leave us behind. */
bool keeper_has_agent(void);
/* How long an agent may take to connect. */
enum { FIRST_CONNECTION_MS = 10000 };

/* Registers for `events`, edge-triggered where they say so. 0 or -1 with errno. */
int watch(int fd, uint32_t events, struct source *source);
int watch_again(int fd, uint32_t events, struct source *source);
void unwatch(int fd);
/* Freed when the events at hand are through: some of them may still point there. */
void discard(void *memory);
/* A line to the agent. */
void say(const char *format, ...) __attribute__((format(printf, 1, 2)));
/* Sends what was said, then ends the connection. */
void keeper_hang_up(void);

/* keeper_privileges.c: becomes nobody with these capabilities (bits) and system calls only, and no longer traceable. 0 or -1. */
int give_up_privileges(uint32_t capabilities, const unsigned short *calls, unsigned count);

#endif
