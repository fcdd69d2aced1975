/*
 * The sockets that containers ask at. The launcher makes them, in the container's network namespace (net_dns.c), and sends each pair
 * with its key to a socket of ours; the agent says by the key whose they are. Until it has, questions wait in them.
 */
#include "dns.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <unistd.h>

#include "core.h"

enum {
	/* Questions of one container that are looked at before others have their turn. */
	TURN = 32,
	CONVERSATIONS_PER_DOOR = 64,
	CONVERSATIONS = 1024,
	IDLE_MS = 10000,
	/* Answers that wait for a client to read them: more, and it is cut off. */
	MOST_WAITING = 4 * MESSAGE_MAX,
	/* Questions a second, and as many at once after a rest. */
	ALLOWANCE = 5000,
};

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

struct conversation {
	struct source source;
	struct conversation *next, *previous; /* the longest silent first */
	struct door *door;
	union address peer;
	int fd;
	uint64_t until;
	unsigned char *in, *out;
	size_t in_length, in_capacity, out_length, out_capacity;
};

static struct door *doors;
static struct source giver;
static int giver_fd = -1;
static struct conversation *longest_silent, *newest;
static unsigned conversation_count;
static unsigned char message[MESSAGE_MAX], answer[MESSAGE_MAX];

struct door *door_find(const char *key)
{
	for (struct door *each = doors; each; each = each->next)
		if (strcmp(each->key, key) == 0)
			return each;
	errno = ENOENT;
	return NULL;
}

static void datagrams_ready(struct source *source, uint32_t events);
static void connections_ready(struct source *source, uint32_t events);

static struct door *door_add(const char *key)
{
	struct door *door = door_find(key);
	if (door)
		return door;
	if (strlen(key) >= KEY_BYTES) {
		errno = ENAMETOOLONG;
		return NULL;
	}
	if (!(door = calloc(1, sizeof *door)))
		return NULL;
	strcpy(door->key, key);
	door->udp.fd = door->tcp.fd = -1;
	door->udp.door = door->tcp.door = door;
	door->udp.source.ready = datagrams_ready;
	door->tcp.source.ready = connections_ready;
	door->next = doors;
	return doors = door;
}

static bool admit(struct client *client)
{
	const uint64_t now = now_ms();
	client->allowance += (double)(now - client->allowance_at) * ALLOWANCE / 1000;
	client->allowance_at = now;
	if (client->allowance > ALLOWANCE)
		client->allowance = ALLOWANCE;
	if (client->allowance < 1)
		return false;
	client->allowance -= 1;
	return true;
}

static struct client *client_at(const struct door *door, const union address *peer)
{
	struct ip ip;
	if (!door->assigned)
		return NULL;
	return door->client || !ip_of(peer, &ip) ? door->client : client_of(&ip);
}

static void handle(const struct asker *asker, const unsigned char *bytes, size_t length)
{
	struct question question;
	size_t answer_length = 0;
	if (!asker->client || !admit(asker->client))
		return;
	switch (dns_decide(asker->client, bytes, length, asker->conversation, &question, answer, &answer_length)) {
	case DROP:
		return;
	case ANSWER:
		reply(asker, answer, answer_length);
		return;
	case FORWARD:
		forward(asker, bytes, length, &question);
	}
}

static void datagrams_ready(struct source *source, uint32_t events)
{
	(void)events;
	const struct listener *listener = (struct listener *)source;
	struct asker asker = {.door = listener->door};
	for (int i = 0; i < TURN && listener->fd >= 0; i++) {
		socklen_t size = sizeof asker.peer;
		const ssize_t got = recvfrom(listener->fd, message, sizeof message, 0, &asker.peer.any, &size);
		if (got < 0 && errno == EAGAIN)
			return;
		asker.client = client_at(listener->door, &asker.peer);
		if (got >= 0)
			handle(&asker, message, (size_t)got);
	}
}

static void unlink_conversation(struct conversation *conversation)
{
	*(conversation->previous ? &conversation->previous->next : &longest_silent) = conversation->next;
	*(conversation->next ? &conversation->next->previous : &newest) = conversation->previous;
	conversation->next = conversation->previous = NULL;
}

static void touch(struct conversation *conversation, bool linked)
{
	if (linked)
		unlink_conversation(conversation);
	conversation->until = now_ms() + IDLE_MS;
	conversation->previous = newest;
	*(newest ? &newest->next : &longest_silent) = conversation;
	newest = conversation;
}

static void conversation_end(struct conversation *conversation)
{
	if (conversation->fd < 0)
		return;
	close(conversation->fd);
	conversation->fd = -1;
	unlink_conversation(conversation);
	conversation->door->conversations--;
	conversation_count--;
	forward_forget(NULL, NULL, conversation);
	free(conversation->in);
	free(conversation->out);
	discard(conversation);
}

static void send_waiting(struct conversation *conversation)
{
	size_t done = 0;
	while (done < conversation->out_length) {
		const ssize_t sent = send(conversation->fd, conversation->out + done, conversation->out_length - done, MSG_NOSIGNAL);
		if (sent < 0 && errno == EAGAIN)
			break;
		if (sent < 0) {
			conversation_end(conversation);
			return;
		}
		done += (size_t)sent;
	}
	if (done == 0)
		return;
	conversation->out_length -= done;
	memmove(conversation->out, conversation->out + done, conversation->out_length);
}

static bool reserve(unsigned char **bytes, size_t *capacity, size_t wanted)
{
	if (*capacity >= wanted)
		return true;
	unsigned char *more = realloc(*bytes, wanted);
	if (!more)
		return false;
	*bytes = more;
	*capacity = wanted;
	return true;
}

void reply(const struct asker *asker, const unsigned char *bytes, size_t length)
{
	struct conversation *conversation = asker->conversation;
	if (!conversation) {
		/* A full buffer loses the answer, as any datagram may be lost: clients ask again. */
		(void)sendto(asker->door->udp.fd, bytes, length, MSG_NOSIGNAL, &asker->peer.any, address_size(&asker->peer));
		return;
	}
	if (conversation->fd < 0 || length > MESSAGE_MAX)
		return;
	const size_t wanted = conversation->out_length + length + 2;
	if (wanted > MOST_WAITING || !reserve(&conversation->out, &conversation->out_capacity, wanted)) {
		conversation_end(conversation);
		return;
	}
	unsigned char *at = conversation->out + conversation->out_length;
	at[0] = (unsigned char)(length >> 8);
	at[1] = (unsigned char)length;
	memcpy(at + 2, bytes, length);
	conversation->out_length = wanted;
	touch(conversation, true);
	send_waiting(conversation);
}

/* Bytes of the message that comes, its length in front; 2 until that is known. */
static size_t wanted_bytes(const struct conversation *conversation)
{
	return conversation->in_length < 2 ? 2 : 2 + ((size_t)conversation->in[0] << 8 | conversation->in[1]);
}

static void conversation_ready(struct source *source, uint32_t events)
{
	struct conversation *conversation = (struct conversation *)source;
	if (conversation->fd >= 0 && (events & EPOLLOUT))
		send_waiting(conversation);
	for (int i = 0; i < TURN && conversation->fd >= 0;) {
		const size_t wanted = wanted_bytes(conversation);
		if (!reserve(&conversation->in, &conversation->in_capacity, wanted)) {
			conversation_end(conversation);
			return;
		}
		const ssize_t got = recv(conversation->fd, conversation->in + conversation->in_length, wanted - conversation->in_length, 0);
		if (got < 0 && errno == EAGAIN)
			break;
		if (got <= 0) {
			conversation_end(conversation);
			return;
		}
		conversation->in_length += (size_t)got;
		if (conversation->in_length < 2 || conversation->in_length < wanted_bytes(conversation))
			continue;
		const size_t length = conversation->in_length - 2;
		conversation->in_length = 0;
		touch(conversation, true);
		/* Who has the address may have changed. */
		const struct asker asker = {
			.client = client_at(conversation->door, &conversation->peer), .door = conversation->door, .conversation = conversation};
		memcpy(message, conversation->in + 2, length);
		handle(&asker, message, length);
		i++;
	}
	/* Level-triggered: what is left brings us here again, and answers that wait ask for room. */
	if (conversation->fd >= 0)
		(void)watch_again(conversation->fd, EPOLLIN | (conversation->out_length ? EPOLLOUT : 0u), &conversation->source);
}

static void conversation_begin(struct door *door, int fd, const union address *peer)
{
	struct conversation *conversation = calloc(1, sizeof *conversation);
	if (!conversation) {
		close(fd);
		return;
	}
	*conversation = (struct conversation){.source.ready = conversation_ready, .door = door, .fd = fd, .peer = *peer};
	if (watch(fd, EPOLLIN, &conversation->source) < 0) {
		close(fd);
		free(conversation);
		return;
	}
	door->conversations++;
	conversation_count++;
	touch(conversation, false);
}

static void connections_ready(struct source *source, uint32_t events)
{
	(void)events;
	const struct listener *listener = (struct listener *)source;
	struct door *door = listener->door;
	union address peer;
	socklen_t size = sizeof peer;
	const int fd = listener->fd < 0 ? -1 : accept4(listener->fd, &peer.any, &size, SOCK_CLOEXEC | SOCK_NONBLOCK);
	if (fd < 0)
		return;
	if (!client_at(door, &peer) || door->conversations >= CONVERSATIONS_PER_DOOR || conversation_count >= CONVERSATIONS)
		close(fd);
	else
		conversation_begin(door, fd, &peer);
}

int conversations_expire(void)
{
	const uint64_t now = now_ms();
	while (longest_silent && longest_silent->until <= now)
		conversation_end(longest_silent);
	return longest_silent ? (int)(longest_silent->until - now) : -1;
}

static void listener_set(struct listener *listener, int fd)
{
	if (listener->fd >= 0)
		close(listener->fd);
	listener->fd = fd;
}

/* What is in the set already stays there. */
static int door_watch(struct door *door)
{
	struct listener *const both[] = {&door->udp, &door->tcp};
	for (int i = 0; i < 2; i++)
		if (both[i]->fd >= 0 && watch(both[i]->fd, EPOLLIN, &both[i]->source) < 0 && errno != EEXIST)
			return -1;
	return 0;
}

static void door_free(struct door *door)
{
	for (struct door **link = &doors; *link; link = &(*link)->next)
		if (*link == door) {
			*link = door->next;
			break;
		}
	for (struct conversation *each = longest_silent, *next; each; each = next) {
		next = each->next;
		if (each->door == door)
			conversation_end(each);
	}
	forward_forget(NULL, door, NULL);
	listener_set(&door->udp, -1);
	listener_set(&door->tcp, -1);
	discard(door);
}

int door_assign(const char *key, struct client *client)
{
	struct door *door = door_add(key);
	if (!door)
		return -1;
	door->assigned = true;
	door->client = client;
	door->stale = false;
	return door_watch(door);
}

bool door_close(const char *key)
{
	struct door *door = door_find(key);
	if (door)
		door_free(door);
	return door;
}

void doors_begin(void)
{
	for (struct door *each = doors; each; each = each->next)
		each->stale = true;
}

void doors_commit(void)
{
	for (struct door *each = doors, *next; each; each = next) {
		next = each->next;
		if (each->stale)
			door_free(each);
	}
}

void doors_forget(const struct client *client)
{
	for (struct door *each = doors, *next; each; each = next) {
		next = each->next;
		if (each->client == client)
			door_free(each);
	}
}

void doors_list(const char *id)
{
	for (const struct door *each = doors; each; each = each->next)
		if (each->udp.fd >= 0 && each->tcp.fd >= 0)
			say("%s item %s\n", id, each->key);
}

/* One datagram is a key with a pair of sockets, udp first. */
static void given(struct source *source, uint32_t events)
{
	(void)source;
	(void)events;
	char key[KEY_BYTES], control[CMSG_SPACE(4 * sizeof(int))] __attribute__((aligned(8)));
	struct iovec part = {.iov_base = key, .iov_len = sizeof key - 1};
	struct msghdr header = {.msg_iov = &part, .msg_iovlen = 1, .msg_control = control, .msg_controllen = sizeof control};
	const ssize_t got = recvmsg(giver_fd, &header, MSG_CMSG_CLOEXEC);
	if (got < 0)
		return;
	key[got] = 0;
	int fds[4] = {-1, -1, -1, -1};
	size_t count = 0;
	for (struct cmsghdr *part_of = CMSG_FIRSTHDR(&header); part_of; part_of = CMSG_NXTHDR(&header, part_of))
		if (part_of->cmsg_level == SOL_SOCKET && part_of->cmsg_type == SCM_RIGHTS) {
			count = (part_of->cmsg_len - CMSG_LEN(0)) / sizeof(int);
			memcpy(fds, CMSG_DATA(part_of), (count > 4 ? 4 : count) * sizeof(int));
		}
	struct door *door = count == 2 && got > 0 ? door_add(key) : NULL;
	if (door) {
		listener_set(&door->udp, fds[0]);
		listener_set(&door->tcp, fds[1]);
		door->stale = false;
		if (door->assigned)
			(void)door_watch(door);
		return;
	}
	for (size_t i = 0; i < count && i < 4; i++)
		close(fds[i]);
}

int doors_open(int descriptor)
{
	giver_fd = descriptor;
	giver.ready = given;
	return watch(descriptor, EPOLLIN, &giver);
}
