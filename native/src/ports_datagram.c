/*
 * UDP. A flow is a client's address and the socket that stands for it towards the container; it ends after a minute of silence. A
 * listener has so many at most: a new one takes the place of the one that was silent longest.
 */
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <unistd.h>

#include "ports.h"

enum { TABLE = 256, FLOWS = 1024, DATAGRAM = 65536, BURST = 64 };
static const uint64_t silence_ms = 60000;

struct flow {
	struct source source;
	struct flow *in_bucket;       /* of the table */
	struct flow *older, *newer;
	struct listener *listener;
	union address peer;
	/* What the client sent to: answers must come from there. */
	struct in6_pktinfo to6;
	struct in_pktinfo to4;
	uint64_t last;
	int fd; /* connected to the container; -1 when the flow has ended */
};

static char datagram[DATAGRAM];
/* No flow ends before. */
static uint64_t next_look = UINT64_MAX;

static unsigned bucket_of(const union address *peer)
{
	const unsigned char *bytes = (const unsigned char *)peer;
	uint32_t hash = 2166136261u;
	for (socklen_t i = 0; i < address_size(peer); i++)
		hash = (hash ^ bytes[i]) * 16777619u;
	return hash % TABLE;
}

static void take_out(struct flow *flow)
{
	struct listener *listener = flow->listener;
	*(flow->older ? &flow->older->newer : &listener->oldest) = flow->newer;
	*(flow->newer ? &flow->newer->older : &listener->newest) = flow->older;
}

static void put_newest(struct flow *flow)
{
	struct listener *listener = flow->listener;
	flow->older = listener->newest;
	flow->newer = NULL;
	*(flow->older ? &flow->older->newer : &listener->oldest) = flow;
	listener->newest = flow;
	flow->last = now_ms();
}

static void end_flow(struct flow *flow)
{
	struct listener *listener = flow->listener;
	for (struct flow **link = &listener->table[bucket_of(&flow->peer)]; *link; link = &(*link)->in_bucket)
		if (*link == flow) {
			*link = flow->in_bucket;
			break;
		}
	take_out(flow);
	listener->flows--;
	close(flow->fd);
	flow->fd = -1;
	discard(flow);
	resume_listeners();
}

void datagram_close_all(struct listener *listener)
{
	while (listener->oldest)
		end_flow(listener->oldest);
}

int datagram_expire(void)
{
	if (next_look == UINT64_MAX)
		return -1;
	const uint64_t now = now_ms();
	if (now < next_look)
		return (int)(next_look - now);
	next_look = UINT64_MAX;
	for (struct listener *each = listeners; each; each = each->next) {
		while (each->oldest && each->oldest->last + silence_ms <= now)
			end_flow(each->oldest);
		if (each->oldest && each->oldest->last + silence_ms < next_look)
			next_look = each->oldest->last + silence_ms;
	}
	return next_look == UINT64_MAX ? -1 : (int)(next_look - now);
}

int datagram_open(struct listener *listener)
{
	const int on = 1;
	if (!(listener->table = calloc(TABLE, sizeof *listener->table)))
		return -1;
	if (listener->host.any.sa_family == AF_INET6)
		return setsockopt(listener->fd, IPPROTO_IPV6, IPV6_RECVPKTINFO, &on, sizeof on);
	return setsockopt(listener->fd, IPPROTO_IP, IP_PKTINFO, &on, sizeof on);
}

static struct flow *find_flow(const struct listener *listener, const union address *peer)
{
	for (struct flow *each = listener->table[bucket_of(peer)]; each; each = each->in_bucket)
		if (memcmp(&each->peer, peer, address_size(peer)) == 0)
			return each;
	return NULL;
}

/* Back to the client, from the address that it wrote to. */
static void answer(const struct flow *flow, size_t length)
{
	char control[CMSG_SPACE(sizeof(struct in6_pktinfo))] = {0};
	struct iovec piece = {.iov_base = datagram, .iov_len = length};
	union address peer = flow->peer;
	struct msghdr message = {
		.msg_name = &peer, .msg_namelen = address_size(&peer), .msg_iov = &piece, .msg_iovlen = 1, .msg_control = control};
	const bool six = peer.any.sa_family == AF_INET6;
	const size_t size = six ? sizeof flow->to6 : sizeof flow->to4;
	message.msg_controllen = CMSG_SPACE(size);
	struct cmsghdr *header = CMSG_FIRSTHDR(&message);
	header->cmsg_len = CMSG_LEN(size);
	header->cmsg_level = six ? IPPROTO_IPV6 : IPPROTO_IP;
	header->cmsg_type = six ? IPV6_PKTINFO : IP_PKTINFO;
	memcpy(CMSG_DATA(header), six ? (const void *)&flow->to6 : (const void *)&flow->to4, size);
	(void)sendmsg(flow->listener->fd, &message, MSG_DONTWAIT | MSG_NOSIGNAL);
}

static void flow_ready(struct source *source, uint32_t events)
{
	(void)events;
	struct flow *flow = (struct flow *)(void *)source;
	for (int i = 0; i < BURST && flow->fd >= 0; i++) {
		const ssize_t got = recv(flow->fd, datagram, sizeof datagram, MSG_DONTWAIT);
		if (got < 0 && (errno == EAGAIN || errno == EINTR))
			return;
		if (got < 0) {
			end_flow(flow); /* Nobody listens in the container. */
			return;
		}
		take_out(flow);
		put_newest(flow);
		answer(flow, (size_t)got);
	}
}

static struct flow *new_flow(struct listener *listener, const union address *peer)
{
	if (listener->flows >= FLOWS)
		end_flow(listener->oldest);
	const int fd = socket(listener->target.any.sa_family, SOCK_DGRAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
	if (fd < 0)
		return NULL;
	struct flow *flow = calloc(1, sizeof *flow);
	if (!flow || connect(fd, &listener->target.any, address_size(&listener->target)) < 0) {
		close(fd);
		free(flow);
		return NULL;
	}
	*flow = (struct flow){.source = {flow_ready}, .listener = listener, .peer = *peer, .fd = fd};
	struct flow **bucket = &listener->table[bucket_of(peer)];
	flow->in_bucket = *bucket;
	*bucket = flow;
	put_newest(flow);
	listener->flows++;
	if (flow->last + silence_ms < next_look)
		next_look = flow->last + silence_ms;
	if (watch(fd, EPOLLIN, &flow->source) < 0) {
		end_flow(flow);
		return NULL;
	}
	return flow;
}

/* Where a datagram went to; false when the kernel did not say. */
static bool destination(struct msghdr *message, union address *to, struct in6_pktinfo *to6, struct in_pktinfo *to4)
{
	for (struct cmsghdr *each = CMSG_FIRSTHDR(message); each; each = CMSG_NXTHDR(message, each)) {
		if (each->cmsg_level == IPPROTO_IPV6 && each->cmsg_type == IPV6_PKTINFO) {
			memcpy(to6, CMSG_DATA(each), sizeof *to6);
			/* The route back is the kernel's choice, the address is not. */
			if (!IN6_IS_ADDR_LINKLOCAL(&to6->ipi6_addr))
				to6->ipi6_ifindex = 0;
			to->in6 = (struct sockaddr_in6){.sin6_family = AF_INET6, .sin6_addr = to6->ipi6_addr};
			return true;
		}
		if (each->cmsg_level == IPPROTO_IP && each->cmsg_type == IP_PKTINFO) {
			memcpy(to4, CMSG_DATA(each), sizeof *to4);
			to->in = (struct sockaddr_in){.sin_family = AF_INET, .sin_addr = to4->ipi_addr};
			*to4 = (struct in_pktinfo){.ipi_spec_dst = to4->ipi_addr};
			return true;
		}
	}
	return false;
}

/* A client that came before the firewall knew the port: its next datagram is translated by the kernel. */
static bool is_kernels(const struct listener *listener, const union address *to)
{
	const bool four = to->any.sa_family == AF_INET || IN6_IS_ADDR_V4MAPPED(&to->in6.sin6_addr);
	return !address_is_loopback(to) && four == (listener->target.any.sa_family == AF_INET);
}

void datagram_ready(struct source *source, uint32_t events)
{
	(void)events;
	struct listener *listener = (struct listener *)(void *)source;
	for (int i = 0; i < BURST && listener->fd >= 0; i++) {
		char control[CMSG_SPACE(sizeof(struct in6_pktinfo)) + CMSG_SPACE(sizeof(struct in_pktinfo))];
		union address peer = {0}, to = {0};
		struct in6_pktinfo to6 = {0};
		struct in_pktinfo to4 = {0};
		struct iovec piece = {.iov_base = datagram, .iov_len = sizeof datagram};
		struct msghdr message = {.msg_name = &peer, .msg_namelen = sizeof peer, .msg_iov = &piece, .msg_iovlen = 1,
			.msg_control = control, .msg_controllen = sizeof control};
		const ssize_t got = recvmsg(listener->fd, &message, MSG_DONTWAIT);
		if (got < 0)
			return;
		if (!destination(&message, &to, &to6, &to4) || is_kernels(listener, &to))
			continue;
		struct flow *flow = find_flow(listener, &peer);
		if (flow) {
			take_out(flow);
			put_newest(flow);
		} else if (!(flow = new_flow(listener, &peer)))
			continue;
		flow->to6 = to6;
		flow->to4 = to4;
		if (send(flow->fd, datagram, (size_t)got, MSG_DONTWAIT | MSG_NOSIGNAL) < 0 && errno == ECONNREFUSED)
			end_flow(flow);
	}
}
