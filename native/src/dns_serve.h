/* What the sockets of containers (dns_serve.c) and the conversations over TCP that come in at them (dns_conversation.c) share. */
#ifndef GANTRY_DNS_SERVE_H
#define GANTRY_DNS_SERVE_H

#include "dns.h"

/* Questions of one container that are looked at before others have their turn. */
enum { TURN = 32 };

struct listener {
	struct source source;
	struct door *door;
	int fd; /* -1: not there yet */
};

struct door {
	struct door *next;
	char key[KEY_BYTES];
	struct listener udp, tcp;
	bool assigned;
	struct client *client; /* NULL with `assigned`: whoever the sender's address says */
	bool stale;
	unsigned conversations;
};

/* dns_serve.c */
/* Who asks there: the door's container, or whoever has the sender's address; NULL for nobody. */
struct client *client_at(const struct door *door, const union address *peer);
/* Answers a question, sends it on or drops it. May end the asker's conversation. */
void handle_question(const struct asker *asker, const unsigned char *bytes, size_t length);

/* dns_conversation.c */
/* Whether the door, or all together, have as many as they may. */
bool conversations_full(const struct door *door);
/* Takes over `fd`. */
void conversation_begin(struct door *door, int fd, const union address *peer);
/* Ends those that came in at the door. */
void conversations_end(const struct door *door);

#endif
