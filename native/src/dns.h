/*
 * gantry-dns: the resolver of containers. One process per instance; it outlives the agent, as the containers do, and answers from the
 * table that the agent gave it. dns.c (loop), dns_control.c (the agent's words), dns_table.c (who is called what on which network),
 * dns_lists.c (servers and subnets), dns_packet.c (a question and its answer as bytes), dns_serve.c (the sockets of containers),
 * dns_conversation.c (what comes over TCP), dns_forward.c (questions that other servers are asked). keeper.h has what it shares with gantry-ports.
 */
#ifndef GANTRY_DNS_H
#define GANTRY_DNS_H

#include "keeper.h"

enum {
	NAME_MAX_BYTES = 255,
	MESSAGE_MAX = 65535,
	/* What a client without EDNS takes over UDP, and what is sent at most to one with it. */
	PLAIN_UDP = 512,
	LARGEST_UDP = 4096,
	SERVERS = 8,
	KEY_BYTES = 80,
};

enum rcode { NO_ERROR = 0, FORMAT_ERROR = 1, SERVER_FAILURE = 2, NAME_ERROR = 3, NOT_IMPLEMENTED = 4, REFUSED = 5 };
enum type { TYPE_A = 1, TYPE_PTR = 12, TYPE_AAAA = 28, TYPE_OPT = 41 };

/* An address that a container has, or that a question is about. */
struct ip {
	unsigned char length; /* 4 or 16 */
	unsigned char bytes[16];
};

struct door;
struct place;

/* A container. */
struct client {
	struct client *next;
	char id[KEY_BYTES];
	struct place *places;
	union address servers[SERVERS]; /* asked for what is not in the table */
	unsigned server_count;
	bool hosts_servers; /* the host's instead */
	char *links;        /* NETWORK/alias/target, comma-separated: names that it alone has for others */
	bool stale;         /* not named since `begin` */
	unsigned in_flight; /* its questions that other servers are asked */
	double allowance;   /* questions that it may ask now */
	uint64_t allowance_at;
};

/* dns_table.c: the agent's table */
extern struct client *clients;
struct client *client_find(const char *id);
/* The client with this id, made when there is none; NULL with errno. */
struct client *client_add(const char *id);
void client_drop(struct client *client);
/* Puts a container on a network, in place of what it was there. Lists are comma-separated, `-` is none. 0 or -1 with errno. */
int place_put(struct client *client, const char *network, const char *pointer, const char *addresses, const char *names);
bool place_drop(struct client *client, const char *network);
/* `begin` marks everything, `commit` drops what was not named in between. */
void table_begin(void);
void table_commit(void);
/* Addresses that a lower-case name has for the client, up to `limit`; -1 when nobody it knows is called so. */
int lookup(const struct client *client, const char *name, struct ip *out, int limit);
/* Name of who has the address on a network of the client's; NULL for nobody. */
const char *reverse(const struct client *client, const struct ip *ip);
/* Who has this address, on whatever network; NULL for nobody. */
struct client *client_of(const struct ip *ip);

/* dns_lists.c: comma-separated lists, `-` is an empty one */
unsigned list_count(const char *list);
/* Calls `each` with every item until one is refused. 0 or -1 with errno. */
int list_every(const char *list, int (*each)(const char *item, void *context), void *context);
/* The host's servers, and the subnets of the instance's networks. 0 or -1 with errno. */
int table_host_servers(const char *list);
int table_subnets(const char *list);
int parse_servers(const char *list, union address *out, unsigned *count);
/* The servers that a container's other questions go to. */
const union address *client_servers(const struct client *client, unsigned *count);
bool in_subnets(const struct ip *ip);
bool ip_parse(const char *text, struct ip *out);
bool ip_of(const union address *address, struct ip *out);

/* dns_packet.c */
struct question {
	char name[NAME_MAX_BYTES + 1]; /* lower case, dots between labels, none at the end */
	unsigned type, class;
	size_t end;      /* of the question in the message */
	bool has_edns;
	unsigned udp;    /* bytes that the client takes over UDP */
};
enum verdict { DROP, ANSWER, FORWARD };
/* What to do with a message of the client; for ANSWER `out` (MESSAGE_MAX bytes) holds the answer. */
enum verdict dns_decide(const struct client *client, const unsigned char *message, size_t length, bool tcp, struct question *question,
	unsigned char *out, size_t *out_length);
/* An answer without records. */
size_t dns_refuse(const unsigned char *message, const struct question *question, enum rcode code, unsigned char *out);
/* Whether `answer` answers the question that `asked` asks, id included. */
bool dns_answers(const unsigned char *answer, size_t length, const unsigned char *asked, size_t asked_length);
/* Fills with random bytes. */
void fill_random(void *bytes, size_t length);

/* dns_serve.c */
struct conversation;
/* Where an answer goes. */
struct asker {
	struct client *client;
	struct door *door;
	struct conversation *conversation; /* TCP; NULL: `peer` by UDP */
	union address peer;
};
int doors_open(int descriptor);
struct door *door_find(const char *key);
/* Whose questions come in there: a container's, or (NULL) those of whoever the sender's address says. 0 or -1 with errno. */
int door_assign(const char *key, struct client *client);
bool door_close(const char *key);
void doors_begin(void);
void doors_commit(void);
void doors_forget(const struct client *client);
void doors_list(const char *id);

/* dns_conversation.c */
/* Sends an answer where the question came from. */
void reply(const struct asker *asker, const unsigned char *answer, size_t length);
/* Ends those that are silent too long; milliseconds until the next look, -1 for none. */
int conversations_expire(void);

/* dns_forward.c */
void forward(const struct asker *asker, const unsigned char *message, size_t length, const struct question *question);
/* Forgets questions of a client, a door or a conversation that goes; NULL does not look at that. */
void forward_forget(const struct client *client, const struct door *door, const struct conversation *conversation);
/* Ends attempts that took too long; milliseconds until the next look, -1 for none. */
int forward_expire(void);

/* dns_control.c */
int control_open(int listening);

#endif
