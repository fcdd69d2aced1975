/*
 * The sockets that containers ask at. The launcher makes them, in the container's network namespace (net_dns.c), and sends each pair
 * with its key to a socket of ours; the agent says by the key whose they are. Until it has, questions wait in them.
 */
#include "dns_serve.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <unistd.h>

#include "core.h"

/* Questions a second, and as many at once after a rest. */
enum { ALLOWANCE = 5000 };

static struct door *doors;
static struct source giver;
static int giver_fd = -1;
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

struct client *client_at(const struct door *door, const union address *peer)
{
	struct ip ip;
	if (!door->assigned)
		return NULL;
	return door->client || !ip_of(peer, &ip) ? door->client : client_of(&ip);
}

void handle_question(const struct asker *asker, const unsigned char *bytes, size_t length)
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
			handle_question(&asker, message, (size_t)got);
	}
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
	if (!client_at(door, &peer) || conversations_full(door))
		close(fd);
	else
		conversation_begin(door, fd, &peer);
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
	conversations_end(door);
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
