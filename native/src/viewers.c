#include "viewers.h"

#include <sys/mman.h>
#include <sys/socket.h>
#include <sys/uio.h>

#define MEMORY_RING (512 * 1024)

bool ring_open_memory(struct ring *ring)
{
	if (ring->memory)
		return true;
	ring->size = MEMORY_RING;
	ring->memory = buf_reserve(MEMORY_RING).data;
	ring->tail = ring->head;
	return ring->memory != NULL;
}

void ring_close_memory(struct ring *ring)
{
	if (ring->memory)
		munmap(ring->memory, ring->size);
	ring->memory = NULL;
}

static void put(struct ring *ring, const void *bytes, size_t length)
{
	const char *at = bytes;
	while (length > 0) {
		uint64_t place = ring->head % ring->size;
		size_t n = length < ring->size - place ? length : ring->size - place;
		if (ring->memory)
			memcpy(ring->memory + place, at, n);
		else if (pwrite(ring->fd, at, n, (off_t)place) != (ssize_t)n)
			return; /* a full disk: viewers see old bytes there, the process goes on */
		ring->head += n;
		at += n;
		length -= n;
	}
}

static void get(const struct ring *ring, uint64_t offset, void *out, size_t length)
{
	char *at = out;
	while (length > 0) {
		uint64_t place = offset % ring->size;
		size_t n = length < ring->size - place ? length : ring->size - place;
		if (ring->memory)
			memcpy(at, ring->memory + place, n);
		else if (pread(ring->fd, at, n, (off_t)place) != (ssize_t)n)
			memset(at, 0, n);
		offset += n;
		at += n;
		length -= n;
	}
}

static void make_header(unsigned char header[4], char type, size_t length)
{
	header[0] = (unsigned char)type;
	header[1] = (unsigned char)length;
	header[2] = (unsigned char)(length >> 8);
	header[3] = (unsigned char)(length >> 16);
}

bool ring_grow(struct ring *ring, size_t more)
{
	struct ring old = *ring;
	/* A frame for each read and for each payload of it. */
	uint64_t needed = old.head - old.tail + more + 4 * (more / MAX_PAYLOAD + 8);
	if (!old.memory || needed <= old.size)
		return true;
	char *memory = buf_reserve(needed).data;
	if (!memory)
		return false;
	ring->memory = memory;
	ring->size = needed;
	for (uint64_t at = old.tail; at < old.head;) {
		char bytes[4096];
		size_t n = old.head - at < sizeof(bytes) ? old.head - at : sizeof(bytes);
		get(&old, at, bytes, n);
		ring->head = at;
		put(ring, bytes, n);
		at += n;
	}
	ring->head = old.head;
	munmap(old.memory, old.size);
	return true;
}

/* Forgets whole frames, so that the oldest byte kept always begins one. */
static void make_room(struct ring *ring, size_t length)
{
	while (ring->head + length - ring->tail > ring->size) {
		unsigned char header[4];
		get(ring, ring->tail, header, sizeof(header));
		ring->tail += 4 + (header[1] | (uint64_t)header[2] << 8 | (uint64_t)header[3] << 16);
	}
}

void ring_write(struct ring *ring, char type, const char *bytes, size_t length)
{
	ring->output_bytes += length;
	if (ring->framed && !ring->memory)
		return;
	if (!ring->framed && ring->fd < 0)
		return;
	while (length > 0) {
		size_t n = ring->framed && length > MAX_PAYLOAD ? MAX_PAYLOAD : length;
		uint64_t before = ring->head;
		if (ring->framed) {
			unsigned char header[4];
			make_room(ring, n + sizeof(header));
			make_header(header, type, n);
			put(ring, header, sizeof(header));
		}
		put(ring, bytes, n);
		if (ring->head == before)
			return;
		bytes += n;
		length -= n;
	}
	if (!ring->framed && ring->head - ring->tail > ring->size)
		ring->tail = ring->head - ring->size;
}

/* Small sends on a unix stream socket are taken whole or not at all; a part would mean that the kernel changed. */
static int send_whole(struct viewer *viewer, const unsigned char header[4], const void *payload, size_t length)
{
	struct iovec parts[] = {{.iov_base = (void *)header, .iov_len = 4}, {.iov_base = (void *)payload, .iov_len = length}};
	struct msghdr message = {.msg_iov = parts, .msg_iovlen = 2};
	ssize_t n = sendmsg(viewer->fd, &message, MSG_DONTWAIT | MSG_NOSIGNAL);
	if (n == (ssize_t)length + 4)
		return 1;
	return n < 0 && (errno == EAGAIN || errno == EWOULDBLOCK || errno == EINTR) ? 0 : -1;
}

bool viewer_frame(struct viewer *viewer, char type, const void *payload, size_t length)
{
	unsigned char header[4];
	make_header(header, type, length);
	return send_whole(viewer, header, payload, length) == 1;
}

/* False when the viewer is to be dropped. */
bool viewer_send(struct viewer *viewer, struct ring *ring)
{
	char payload[MAX_PAYLOAD];
	if (viewer->offset < ring->tail)
		viewer->offset = ring->tail;
	while (viewer->offset < ring->head) {
		unsigned char header[4];
		size_t length = ring->head - viewer->offset < MAX_PAYLOAD ? ring->head - viewer->offset : MAX_PAYLOAD;
		if (ring->framed) {
			get(ring, viewer->offset, header, sizeof(header));
			length = header[1] | (size_t)header[2] << 8 | (size_t)header[3] << 16;
			get(ring, viewer->offset + 4, payload, length);
		} else {
			make_header(header, 'O', length);
			get(ring, viewer->offset, payload, length);
		}
		int sent = send_whole(viewer, header, payload, length);
		if (sent <= 0)
			return sent == 0;
		viewer->offset += length + (ring->framed ? 4 : 0);
	}
	return true;
}
