/* Questions over TCP: each connection is a conversation of messages with their lengths in front. Those that are silent too long end. */
#include "dns_serve.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <unistd.h>

#include "core.h"

enum {
	CONVERSATIONS_PER_DOOR = 64,
	CONVERSATIONS = 1024,
	IDLE_MS = 10000,
	/* Answers that wait for a client to read them: more, and it is cut off. */
	MOST_WAITING = 4 * MESSAGE_MAX,
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

static struct conversation *longest_silent, *newest;
static unsigned conversation_count;
static unsigned char message[MESSAGE_MAX];

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
		handle_question(&asker, message, length);
		i++;
	}
	/* Level-triggered: what is left brings us here again, and answers that wait ask for room. */
	if (conversation->fd >= 0)
		(void)watch_again(conversation->fd, EPOLLIN | (conversation->out_length ? EPOLLOUT : 0u), &conversation->source);
}

void conversation_begin(struct door *door, int fd, const union address *peer)
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

bool conversations_full(const struct door *door)
{
	return door->conversations >= CONVERSATIONS_PER_DOOR || conversation_count >= CONVERSATIONS;
}

void conversations_end(const struct door *door)
{
	for (struct conversation *each = longest_silent, *next; each; each = next) {
		next = each->next;
		if (each->door == door)
			conversation_end(each);
	}
}

int conversations_expire(void)
{
	const uint64_t now = now_ms();
	while (longest_silent && longest_silent->until <= now)
		conversation_end(longest_silent);
	return longest_silent ? (int)(longest_silent->until - now) : -1;
}
