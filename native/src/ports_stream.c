/*
 * Connections. Two sockets and, while bytes are under way, a pipe for each direction: splice(2) moves pages from socket to pipe to
 * socket without copying them here. A pipe goes back to the pool when it is empty, so that an idle connection costs two descriptors
 * and some hundred bytes. SCTP has messages and streams, which splice would lose: those are copied, one at a time.
 *
 * Both sockets are watched edge-triggered; `readable` and `writable` remember what the edges said.
 */
#include <errno.h>
#include <fcntl.h>
#include <netinet/tcp.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <unistd.h>

/* Needs the types of the headers above. */
#include <linux/sctp.h>

#include "ports.h"

enum { CLIENT, SERVER };
enum { PIECE = 65536, PIPES_KEPT = 16, MESSAGE = 65536 };
/* What a connection may move before it is the others' turn. */
static const size_t turn_bytes = 1024 * 1024;

struct end {
	struct source source;
	struct connection *connection;
	int fd;
	bool readable, writable, ended; /* ended: its peer has said all */
	bool shut;                      /* we have passed the other's end on */
};

/* Bytes from one end to the other. */
struct way {
	int pipe[2];
	size_t filled;
};

struct connection {
	struct connection *next, **self;
	struct connection *next_turn;
	struct listener *listener;
	struct end end[2];
	struct way way[2]; /* by the end that they come from */
	bool connected, waiting, dead;
};

static int pool[PIPES_KEPT][2];
static int pool_length;
static struct connection *turns;

static bool take_pipe(struct way *way)
{
	if (way->pipe[0] >= 0)
		return true;
	if (pool_length > 0) {
		memcpy(way->pipe, pool[--pool_length], sizeof way->pipe);
		return true;
	}
	if (pipe2(way->pipe, O_CLOEXEC | O_NONBLOCK) == 0)
		return true;
	way->pipe[0] = way->pipe[1] = -1;
	return false;
}

static void give_pipe(struct way *way)
{
	if (way->pipe[0] < 0)
		return;
	if (way->filled == 0 && pool_length < PIPES_KEPT) {
		memcpy(pool[pool_length++], way->pipe, sizeof way->pipe);
	} else {
		close(way->pipe[0]);
		close(way->pipe[1]);
	}
	way->pipe[0] = way->pipe[1] = -1;
	way->filled = 0;
}

/* With a reset, so that the peers learn that something went wrong rather than that all was said. */
static void drop(struct connection *connection, bool reset)
{
	if (connection->dead)
		return;
	connection->dead = true;
	*connection->self = connection->next;
	if (connection->next)
		connection->next->self = connection->self;
	const struct linger none = {.l_onoff = 1, .l_linger = 0};
	for (int i = 0; i < 2; i++) {
		give_pipe(&connection->way[i]);
		if (connection->end[i].fd < 0)
			continue;
		if (reset)
			setsockopt(connection->end[i].fd, SOL_SOCKET, SO_LINGER, &none, sizeof none);
		close(connection->end[i].fd);
	}
	/* One that waits for its turn is freed there. */
	if (!connection->waiting)
		discard(connection);
	resume_listeners();
}

void stream_close_all(struct listener *listener)
{
	while (listener->connections)
		drop(listener->connections, true);
}

/* The next message with its stream and protocol id; as `struct msghdr` of what was received. 1: moved, 0: nothing now or ended, -1. */
static int move_message(struct end *from, struct end *to)
{
	static char bytes[MESSAGE];
	char control[CMSG_SPACE(sizeof(struct sctp_sndrcvinfo))];
	struct iovec piece = {.iov_base = bytes, .iov_len = sizeof bytes};
	struct msghdr message = {.msg_iov = &piece, .msg_iovlen = 1, .msg_control = control, .msg_controllen = sizeof control};
	if (!to->writable)
		return 0;
	/* Looked at first: when the other side takes nothing, the message stays where it is. */
	const ssize_t got = recvmsg(from->fd, &message, MSG_DONTWAIT | MSG_PEEK);
	if (got <= 0) {
		from->readable = false;
		from->ended = got == 0;
		return got < 0 && errno != EAGAIN && errno != EINTR ? -1 : 0;
	}
	struct sctp_sndrcvinfo info = {0};
	for (struct cmsghdr *each = CMSG_FIRSTHDR(&message); each; each = CMSG_NXTHDR(&message, each))
		if (each->cmsg_level == IPPROTO_SCTP && each->cmsg_type == SCTP_SNDRCV)
			memcpy(&info, CMSG_DATA(each), sizeof info);
	char out_control[CMSG_SPACE(sizeof info)] = {0};
	piece.iov_len = (size_t)got;
	struct msghdr out = {.msg_iov = &piece, .msg_iovlen = 1, .msg_control = out_control, .msg_controllen = sizeof out_control};
	struct cmsghdr *header = CMSG_FIRSTHDR(&out);
	*header = (struct cmsghdr){.cmsg_len = CMSG_LEN(sizeof info), .cmsg_level = IPPROTO_SCTP, .cmsg_type = SCTP_SNDRCV};
	const struct sctp_sndrcvinfo sent = {
		.sinfo_stream = info.sinfo_stream, .sinfo_flags = info.sinfo_flags & SCTP_UNORDERED, .sinfo_ppid = info.sinfo_ppid};
	memcpy(CMSG_DATA(header), &sent, sizeof sent);
	if (sendmsg(to->fd, &out, MSG_DONTWAIT | MSG_NOSIGNAL) < 0) {
		to->writable = errno != EAGAIN && to->writable;
		return errno == EAGAIN || errno == EINTR ? 0 : -1;
	}
	return recv(from->fd, bytes, (size_t)got, MSG_DONTWAIT) < 0 ? -1 : 1;
}

/* From socket to pipe. False: the connection is broken. */
static bool fill(struct end *from, struct way *way)
{
	if (!from->readable || from->ended || way->filled >= PIECE)
		return true;
	if (!take_pipe(way))
		return false;
	const ssize_t got = splice(from->fd, NULL, way->pipe[1], NULL, PIECE, SPLICE_F_MOVE | SPLICE_F_NONBLOCK);
	if (got > 0)
		way->filled += (size_t)got;
	else if (got == 0)
		from->ended = true;
	else if (errno == EAGAIN && way->filled == 0)
		from->readable = false; /* With bytes in it, the pipe may be what is full. */
	else if (errno != EAGAIN && errno != EINTR)
		return false;
	return true;
}

/* From pipe to socket. */
static bool empty(struct end *to, struct way *way)
{
	if (way->filled == 0 || !to->writable)
		return true;
	const ssize_t put = splice(way->pipe[0], NULL, to->fd, NULL, way->filled, SPLICE_F_MOVE | SPLICE_F_NONBLOCK);
	if (put > 0)
		way->filled -= (size_t)put;
	else if (put < 0 && errno == EAGAIN)
		to->writable = false;
	else if (put < 0 && errno != EINTR)
		return false;
	return true;
}

/* Moves what can be moved from `i` to the other end; true when it stopped only because its turn is over. False sets dead. */
static bool move(struct connection *connection, int i)
{
	struct end *from = &connection->end[i], *to = &connection->end[!i];
	struct way *way = &connection->way[i];
	size_t moved = 0;
	if (connection->listener->protocol == SCTP) {
		int result = 0;
		while (moved < turn_bytes && from->readable && !from->ended && (result = move_message(from, to)) > 0)
			moved += MESSAGE;
		if (result < 0) {
			drop(connection, true);
			return false;
		}
	} else
		for (size_t before = 1; before != 0 && moved < turn_bytes;) {
			const bool could_read = from->readable && !from->ended;
			const size_t filled = way->filled;
			if (!fill(from, way)) {
				drop(connection, true);
				return false;
			}
			const size_t full = way->filled;
			if (!empty(to, way)) {
				drop(connection, true);
				return false;
			}
			moved += full - way->filled;
			/* Goes on while bytes came or went, or an empty pipe shows that reading was refused for want of bytes. */
			before = (full - filled) + (full - way->filled) + (could_read && filled > 0 && way->filled == 0);
		}
	if (way->filled == 0)
		give_pipe(way);
	if (from->ended && way->filled == 0 && !to->shut) {
		to->shut = true;
		shutdown(to->fd, SHUT_WR);
	}
	return moved >= turn_bytes;
}

static void wait_for_turn(struct connection *connection)
{
	if (connection->waiting)
		return;
	connection->waiting = true;
	connection->next_turn = turns;
	turns = connection;
}

static void pump(struct connection *connection)
{
	bool more = false;
	for (int i = 0; i < 2 && !connection->dead; i++)
		more = move(connection, i) || more;
	if (connection->dead)
		return;
	if (connection->end[CLIENT].shut && connection->end[SERVER].shut)
		drop(connection, false);
	else if (more)
		wait_for_turn(connection);
}

bool stream_turn(void)
{
	struct connection *now = turns;
	turns = NULL;
	while (now) {
		struct connection *next = now->next_turn;
		now->waiting = false;
		if (now->dead)
			discard(now);
		else
			pump(now);
		now = next;
	}
	return turns != NULL;
}

static void end_ready(struct source *source, uint32_t events)
{
	struct end *end = (struct end *)(void *)source;
	struct connection *connection = end->connection;
	if (connection->dead)
		return;
	if (events & EPOLLERR) {
		/* Also a container that refuses: its client gets a reset, not an orderly end. */
		drop(connection, true);
		return;
	}
	if (events & (EPOLLIN | EPOLLRDHUP | EPOLLHUP))
		end->readable = true;
	if (events & EPOLLOUT) {
		end->writable = true;
		if (end == &connection->end[SERVER])
			connection->connected = true;
	}
	/* Nothing is read from the client before there is somebody to pass it on to. */
	if (connection->connected)
		pump(connection);
}

static void prepare(const struct listener *listener, int fd)
{
	const int on = 1;
	if (listener->protocol == SCTP) {
		const struct sctp_event_subscribe events = {.sctp_data_io_event = 1};
		setsockopt(fd, IPPROTO_SCTP, SCTP_EVENTS, &events, sizeof events);
		setsockopt(fd, IPPROTO_SCTP, SCTP_NODELAY, &on, sizeof on);
		return;
	}
	setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof on);
	/* A peer that vanished without a word is found out in the end. */
	setsockopt(fd, SOL_SOCKET, SO_KEEPALIVE, &on, sizeof on);
}

static bool join(struct connection *connection, int client)
{
	struct listener *listener = connection->listener;
	const int number = listener->protocol == SCTP ? IPPROTO_SCTP : 0;
	const int server = socket(listener->target.any.sa_family, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, number);
	connection->end[SERVER].fd = server;
	if (server < 0)
		return false;
	prepare(listener, client);
	prepare(listener, server);
	if (connect(server, &listener->target.any, address_size(&listener->target)) < 0 && errno != EINPROGRESS)
		return false;
	const uint32_t events = EPOLLIN | EPOLLOUT | EPOLLRDHUP | EPOLLET;
	return watch(server, events, &connection->end[SERVER].source) == 0 && watch(client, events, &connection->end[CLIENT].source) == 0;
}

void stream_accept(struct source *source, uint32_t events)
{
	(void)events;
	struct listener *listener = (struct listener *)(void *)source;
	if (listener->fd < 0)
		return;
	const int client = accept4(listener->fd, NULL, NULL, SOCK_CLOEXEC | SOCK_NONBLOCK);
	if (client < 0) {
		if (errno == EMFILE || errno == ENFILE || errno == ENOBUFS || errno == ENOMEM)
			pause_listener(listener);
		return;
	}
	struct connection *connection = calloc(1, sizeof *connection);
	if (!connection) {
		close(client);
		return;
	}
	*connection = (struct connection){
		.next = listener->connections,
		.self = &listener->connections,
		.listener = listener,
		.way = {{.pipe = {-1, -1}}, {.pipe = {-1, -1}}},
	};
	if (connection->next)
		connection->next->self = &connection->next;
	listener->connections = connection;
	for (int i = 0; i < 2; i++)
		connection->end[i] = (struct end){.source = {end_ready}, .connection = connection, .fd = -1};
	connection->end[CLIENT].fd = client;
	if (!join(connection, client))
		drop(connection, true);
}
