/* The rings: what is kept, what is forgotten, and frames that stay whole. */
#include <sys/socket.h>

#include "check.h"
#include "viewers.h"

static int pair[2];

static void open_pair(void)
{
	CHECK(socketpair(AF_UNIX, SOCK_STREAM, 0, pair) == 0);
}

static size_t receive(char *type, char *payload)
{
	unsigned char header[4];
	if (recv(pair[1], header, 4, MSG_DONTWAIT) != 4)
		return 0;
	size_t length = header[1] | (size_t)header[2] << 8 | (size_t)header[3] << 16;
	CHECK(length <= MAX_PAYLOAD && recv(pair[1], payload, length, MSG_WAITALL) == (ssize_t)length);
	*type = (char)header[0];
	return length;
}

static void test_frames(void)
{
	static char payload[MAX_PAYLOAD];
	char type;
	struct ring ring = {.framed = true, .fd = -1};
	ring_write(&ring, 'O', "nobody", 6);
	CHECK(ring.head == 0 && ring.output_bytes == 6);
	CHECK(ring_open_memory(&ring));
	open_pair();
	struct viewer viewer = {.fd = pair[0], .attached = true, .offset = ring.head};
	ring_write(&ring, 'O', "out", 3);
	ring_write(&ring, 'E', "error", 5);
	CHECK(viewer_send(&viewer, &ring) && viewer.offset == ring.head);
	CHECK(receive(&type, payload) == 3 && type == 'O' && memcmp(payload, "out", 3) == 0);
	CHECK(receive(&type, payload) == 5 && type == 'E' && memcmp(payload, "error", 5) == 0);
	close(pair[0]);
	close(pair[1]);
	ring_close_memory(&ring);
}

/* Many times around, with frames across the end of the memory: the oldest kept byte always begins a frame. */
static void test_wrap(void)
{
	static char bytes[50000];
	static char payload[MAX_PAYLOAD];
	char type;
	struct ring ring = {.framed = true, .fd = -1};
	CHECK(ring_open_memory(&ring));
	for (int i = 0; i < 200; i++) {
		size_t length = (size_t)(i * 7919) % sizeof(bytes);
		memset(bytes, 'a' + i % 26, length);
		ring_write(&ring, 'O', bytes, length);
		CHECK(ring.head - ring.tail <= ring.size);
	}
	open_pair();
	struct viewer viewer = {.fd = pair[0], .attached = true, .offset = 0};
	char last = 0;
	while (viewer.offset != ring.head) {
		CHECK(viewer_send(&viewer, &ring));
		for (size_t n; (n = receive(&type, payload)) > 0;) {
			CHECK(type == 'O' && payload[0] >= 'a' && payload[0] <= 'z' && payload[n - 1] == payload[0]);
			last = payload[0];
		}
	}
	CHECK(last == 'a' + 199 % 26);
	close(pair[0]);
	close(pair[1]);
	ring_close_memory(&ring);
}

static void test_file(void)
{
	static char bytes[100000];
	static char payload[MAX_PAYLOAD];
	char type;
	char path[] = "/tmp/gantry-test-ring-XXXXXX";
	int fd = mkstemp(path);
	unlink(path);
	struct ring ring = {.fd = fd, .size = 65536};
	for (size_t i = 0; i < sizeof(bytes); i++)
		bytes[i] = (char)(i % 251);
	for (size_t at = 0; at < sizeof(bytes); at += 1000)
		ring_write(&ring, 'O', bytes + at, 1000);
	CHECK(ring.head == sizeof(bytes) && ring.tail == sizeof(bytes) - 65536);
	open_pair();
	struct viewer viewer = {.fd = pair[0], .attached = true, .offset = 5}; /* long forgotten */
	uint64_t seen = ring.tail;
	while (viewer.offset != ring.head) {
		CHECK(viewer_send(&viewer, &ring));
		for (size_t n; (n = receive(&type, payload)) > 0; seen += n)
			CHECK(memcmp(payload, bytes + seen, n) == 0);
	}
	CHECK(seen == sizeof(bytes));
	close(pair[0]);
	close(pair[1]);
	close(fd);
}

static void test_gone(void)
{
	struct ring ring = {.framed = true, .fd = -1};
	CHECK(ring_open_memory(&ring));
	open_pair();
	struct viewer viewer = {.fd = pair[0], .attached = true};
	close(pair[1]);
	ring_write(&ring, 'O', "x", 1);
	CHECK(!viewer_send(&viewer, &ring));
	close(pair[0]);
	ring_close_memory(&ring);
}

int main(void)
{
	test_frames();
	test_wrap();
	test_file();
	test_gone();
	return 0;
}
