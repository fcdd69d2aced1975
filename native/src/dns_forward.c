/*
 * Questions that other servers are asked, one after the other until one answers. Each attempt goes out under a fresh random id from a
 * fresh socket (random port), and only an answer that repeats id and question counts (RFC 5452). A container's share of what is under
 * way is bounded, and gets small when all together ask much, so that one cannot keep the others from asking.
 */
#include "dns.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <unistd.h>

enum {
	ATTEMPT_MS = 2000,
	MOST = 4096,
	BUSY = 2048,
	SHARE = 256,
	SHARE_WHEN_BUSY = 16,
};

struct query {
	struct source source;
	struct query *next, *previous; /* by the time that their attempt ends */
	struct asker asker;
	struct question question;
	unsigned server; /* the next one to ask */
	int fd;
	bool ended;
	uint64_t until;
	size_t sent, received; /* TCP, the two bytes of a length included */
	unsigned char *in;
	size_t length;
	unsigned char id[2]; /* the client's */
	unsigned char bytes[]; /* two for the length, then the question as it goes out */
};

static struct query *first, *last;
static unsigned in_flight;
static unsigned char buffer[MESSAGE_MAX];

static void unlink_query(struct query *query)
{
	*(query->previous ? &query->previous->next : &first) = query->next;
	*(query->next ? &query->next->previous : &last) = query->previous;
}

static void append(struct query *query)
{
	query->until = now_ms() + ATTEMPT_MS;
	query->next = NULL;
	query->previous = last;
	*(last ? &last->next : &first) = query;
	last = query;
}

/* Once: an answer that cannot be sent ends the conversation, and with it the questions that came in it. */
static void end(struct query *query)
{
	if (query->ended)
		return;
	query->ended = true;
	if (query->fd >= 0)
		close(query->fd);
	query->fd = -1;
	unlink_query(query);
	query->asker.client->in_flight--;
	in_flight--;
	free(query->in);
	discard(query);
}

static bool start_attempt(struct query *query, const union address *server);

static void fail(struct query *query)
{
	memcpy(query->bytes + 2, query->id, 2);
	reply(&query->asker, buffer, dns_refuse(query->bytes + 2, &query->question, SERVER_FAILURE, buffer));
	end(query);
}

/* Asks the next server that can be asked; without one the client hears of the failure. */
static void try_next(struct query *query)
{
	for (;;) {
		unsigned count;
		const union address *servers = client_servers(query->asker.client, &count);
		if (query->server >= count)
			break;
		if (start_attempt(query, &servers[query->server++])) {
			unlink_query(query);
			append(query);
			return;
		}
	}
	fail(query);
}

static bool last_server(const struct query *query)
{
	unsigned count;
	(void)client_servers(query->asker.client, &count);
	return query->server >= count;
}

static void take_answer(struct query *query, unsigned char *answer, size_t length)
{
	const unsigned code = answer[3] & 0x0f;
	/* A server that cannot or does not want to: another one may. */
	if ((code == SERVER_FAILURE || code == NOT_IMPLEMENTED || code == REFUSED) && !last_server(query)) {
		try_next(query);
		return;
	}
	memcpy(answer, query->id, 2);
	reply(&query->asker, answer, length);
	end(query);
}

static void datagram_ready(struct source *source, uint32_t events)
{
	(void)events;
	struct query *query = (struct query *)source;
	if (query->fd < 0)
		return;
	const ssize_t got = recv(query->fd, buffer, sizeof buffer, 0);
	if (got < 0 && errno == EAGAIN)
		return;
	if (got < 0)
		try_next(query);
	else if (dns_answers(buffer, (size_t)got, query->bytes + 2, query->length))
		take_answer(query, buffer, (size_t)got);
}

/* The rest of the question; false when the connection failed. */
static bool send_rest(struct query *query)
{
	while (query->sent < query->length + 2) {
		const ssize_t sent = send(query->fd, query->bytes + query->sent, query->length + 2 - query->sent, MSG_NOSIGNAL);
		if (sent < 0)
			return errno == EAGAIN;
		query->sent += (size_t)sent;
	}
	return watch_again(query->fd, EPOLLIN, &query->source) == 0;
}

static void stream_ready(struct source *source, uint32_t events)
{
	(void)events;
	struct query *query = (struct query *)source;
	if (query->fd < 0)
		return;
	if (query->sent < query->length + 2 && !send_rest(query)) {
		try_next(query);
		return;
	}
	for (;;) {
		const size_t wanted = query->received < 2 ? 2 : 2 + ((size_t)query->in[0] << 8 | query->in[1]);
		if (query->received == wanted)
			break;
		const ssize_t got = recv(query->fd, query->in + query->received, wanted - query->received, 0);
		if (got < 0 && errno == EAGAIN)
			return;
		if (got <= 0) {
			try_next(query);
			return;
		}
		query->received += (size_t)got;
	}
	const size_t length = query->received - 2;
	if (!dns_answers(query->in + 2, length, query->bytes + 2, query->length)) {
		try_next(query);
		return;
	}
	memcpy(buffer, query->in + 2, length);
	take_answer(query, buffer, length);
}

static bool start_attempt(struct query *query, const union address *server)
{
	const bool tcp = query->asker.conversation;
	if (query->fd >= 0)
		close(query->fd);
	fill_random(query->bytes + 2, 2);
	query->sent = tcp ? 0 : query->length + 2;
	query->received = 0;
	if (tcp && !query->in && !(query->in = malloc(MESSAGE_MAX + 2)))
		return false;
	query->fd = socket(server->any.sa_family, (tcp ? SOCK_STREAM : SOCK_DGRAM) | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
	if (query->fd < 0)
		return false;
	query->source.ready = tcp ? stream_ready : datagram_ready;
	/* A connected socket takes datagrams of this server only, and learns at once that nobody listens there. */
	if (connect(query->fd, &server->any, address_size(server)) < 0 && errno != EINPROGRESS)
		return false;
	if (!tcp && send(query->fd, query->bytes + 2, query->length, MSG_NOSIGNAL) < 0)
		return false;
	return watch(query->fd, EPOLLIN | (tcp ? EPOLLOUT : 0u), &query->source) == 0;
}

static bool may_ask(const struct client *client)
{
	return in_flight < MOST && client->in_flight < (in_flight < BUSY ? SHARE : SHARE_WHEN_BUSY);
}

void forward(const struct asker *asker, const unsigned char *message, size_t length, const struct question *question)
{
	unsigned count;
	(void)client_servers(asker->client, &count);
	struct query *query = count > 0 && may_ask(asker->client) ? calloc(1, sizeof *query + length + 2) : NULL;
	if (!query) {
		reply(asker, buffer, dns_refuse(message, question, count > 0 ? SERVER_FAILURE : REFUSED, buffer));
		return;
	}
	*query = (struct query){.asker = *asker, .question = *question, .fd = -1, .length = length};
	query->bytes[0] = (unsigned char)(length >> 8);
	query->bytes[1] = (unsigned char)length;
	memcpy(query->bytes + 2, message, length);
	memcpy(query->id, message, 2);
	asker->client->in_flight++;
	in_flight++;
	append(query);
	try_next(query);
}

void forward_forget(const struct client *client, const struct door *door, const struct conversation *conversation)
{
	for (struct query *each = first, *next; each; each = next) {
		next = each->next;
		if ((client && each->asker.client == client) || (door && each->asker.door == door) ||
			(conversation && each->asker.conversation == conversation))
			end(each);
	}
}

int forward_expire(void)
{
	const uint64_t now = now_ms();
	while (first && first->until <= now)
		try_next(first);
	return first ? (int)(first->until - now) : -1;
}
