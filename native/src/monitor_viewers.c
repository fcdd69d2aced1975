/* The viewers of a watched process: they attach, type, change the terminal's size, and get output and the end as fast as they take it. */
#include <stdlib.h>
#include <sys/ioctl.h>
#include <sys/socket.h>
#include <termios.h>

#include "monitor_watch.h"

#define LEAVE_US (2 * 1000 * 1000)

static bool looks(const struct viewer *viewer)
{
	return viewer->fd >= 0 && (viewer->attached || viewer->undecided);
}

static bool anybody_looks(const struct watch *watch)
{
	for (int i = 0; i < MAX_VIEWERS; i++)
		if (looks(&watch->viewers[i]))
			return true;
	return false;
}

/* Frames can be joined only at their beginnings; the first viewer of held output sees all of it. */
static void begin_here(struct watch *watch, struct viewer *viewer)
{
	const struct ring *ring = &watch->ring;
	viewer->offset = watch->hold_until_us ? ring->tail : ring->head;
	viewer->first = watch->hold_until_us && ring->tail == 0 ? 0 : ring->output_bytes;
}

static void close_stdin(struct watch *watch)
{
	struct monitor *monitor = watch->monitor;
	if (!monitor->tty && watch->input_start == watch->input_end)
		close_fd(&monitor->in);
}

void watch_drop_viewer(struct watch *watch, struct viewer *viewer)
{
	bool was_input = viewer->attached && viewer->input;
	close_fd(&viewer->fd);
	viewer->attached = viewer->undecided = false;
	if (was_input && watch->monitor->stdin_mode == STDIN_ONCE) {
		watch->input_start = watch->input_end = 0;
		close_stdin(watch);
	}
	if (watch->ring.framed && !anybody_looks(watch) && watch->hold_until_us == 0)
		ring_close_memory(&watch->ring);
}

static struct viewer *free_viewer(struct watch *watch)
{
	for (int i = 0; i < MAX_VIEWERS; i++)
		if (watch->viewers[i].fd < 0)
			return &watch->viewers[i];
	return NULL;
}

void watch_accept_viewers(struct watch *watch)
{
	for (int fd; (fd = accept4(watch->monitor->listener, NULL, NULL, SOCK_CLOEXEC | SOCK_NONBLOCK)) >= 0;) {
		struct viewer *viewer = free_viewer(watch);
		if (!viewer) {
			close(fd); /* more than MAX_VIEWERS look at once */
			continue;
		}
		*viewer = (struct viewer){.fd = fd};
		/* What is said from now on is its to see: its first frame may be a moment away. */
		viewer->undecided = !watch->ring.framed || ring_open_memory(&watch->ring);
		begin_here(watch, viewer);
	}
}

static void resize(struct watch *watch, unsigned int columns, unsigned int rows)
{
	struct winsize size = {.ws_col = (unsigned short)columns, .ws_row = (unsigned short)rows};
	if (watch->monitor->tty && watch->monitor->in >= 0 && columns > 0 && rows > 0)
		ioctl(watch->monitor->in, TIOCSWINSZ, &size);
}

void watch_expect_nobody(struct watch *watch)
{
	watch->hold_until_us = watch->expect_until_us = 0;
	watch->expected = 0;
	if (watch->ring.framed && !anybody_looks(watch))
		ring_close_memory(&watch->ring);
}

static void expect_one_less(struct watch *watch)
{
	if (watch->expected > 0 && --watch->expected == 0)
		watch_expect_nobody(watch);
}

static bool attach_viewer(struct watch *watch, struct viewer *viewer)
{
	const char *fields[4];
	const char *at = viewer->small;
	const char *end = viewer->small + viewer->small_used;
	for (int i = 0; i < 4; i++) {
		const char *nul = at < end ? memchr(at, '\0', (size_t)(end - at)) : NULL;
		if (!nul)
			return false;
		fields[i] = at;
		at = nul + 1;
	}
	struct ring *ring = &watch->ring;
	if (ring->framed && !ring_open_memory(ring))
		return false;
	if (!viewer->undecided)
		begin_here(watch, viewer);
	viewer->attached = true;
	viewer->undecided = false;
	viewer->input = strchr(fields[1], 'i') != NULL;
	if (strchr(fields[1], 'h'))
		expect_one_less(watch);
	uint64_t first = ring->framed ? viewer->first : ring->head;
	if (!ring->framed && strcmp(fields[0], "end") != 0) {
		uint64_t from = strtoull(fields[0], NULL, 10);
		first = viewer->offset = from < ring->tail ? ring->tail : from > ring->head ? ring->head : from;
	}
	resize(watch, (unsigned int)atoi(fields[2]), (unsigned int)atoi(fields[3]));
	unsigned char bytes[8];
	for (int i = 0; i < 8; i++)
		bytes[i] = (unsigned char)(first >> (8 * i));
	return viewer_frame(viewer, 'B', bytes, sizeof(bytes));
}

static bool send_status(struct watch *watch, struct viewer *viewer)
{
	const struct monitor *monitor = watch->monitor;
	char data[640];
	struct buf text = {.data = data, .capacity = sizeof(data)};
	viewer->asked_status = true;
	buf_text(&text, "{\"key\":");
	buf_json(&text, monitor->key, strlen(monitor->key));
	buf_format(&text, ",\"pid\":%d,\"startTicks\":%llu,\"monitorPid\":%d,\"outputBytes\":%llu,\"logDropped\":%llu}", (int)monitor->pid, monitor->ticks,
		   (int)getpid(), (unsigned long long)watch->ring.output_bytes, watch->log.dropped);
	return viewer_frame(viewer, 'S', data, text.length);
}

/* It came for something else than output. */
static void decided_otherwise(struct watch *watch, struct viewer *viewer)
{
	if (!viewer->undecided)
		return;
	viewer->undecided = false;
	if (watch->ring.framed && !anybody_looks(watch) && watch->hold_until_us == 0)
		ring_close_memory(&watch->ring);
}

/* A whole frame but 'I', whose bytes are taken as they come. False drops the viewer. */
static bool handle_frame(struct watch *watch, struct viewer *viewer)
{
	const unsigned char *small = (const unsigned char *)viewer->small;
	if (viewer->header[0] == 'A')
		return attach_viewer(watch, viewer);
	decided_otherwise(watch, viewer);
	switch (viewer->header[0]) {
	case 'Q': return send_status(watch, viewer);
	case 'C': close_stdin(watch); return true;
	case 'N': expect_one_less(watch); return true;
	case 'R':
		if (viewer->small_used == 4)
			resize(watch, small[0] | (unsigned int)small[1] << 8, small[2] | (unsigned int)small[3] << 8);
		return viewer->small_used == 4;
	default: return viewer->header[0] == 'I';
	}
}

void watch_push_input(struct watch *watch)
{
	int *in = &watch->monitor->in;
	while (watch->input_start < watch->input_end) {
		ssize_t n = *in < 0 ? -1 : write(*in, watch->input + watch->input_start, watch->input_end - watch->input_start);
		if (n < 0 && *in >= 0 && (errno == EAGAIN || errno == EINTR))
			return;
		if (n < 0) { /* the process has closed its input */
			watch->input_start = watch->input_end;
			break;
		}
		watch->input_start += (size_t)n;
	}
	watch->input_start = watch->input_end = 0;
}

bool watch_read_viewer(struct watch *watch, struct viewer *viewer)
{
	ssize_t n;
	if (viewer->header_used < 4) {
		n = read(viewer->fd, viewer->header + viewer->header_used, 4 - viewer->header_used);
		if (n <= 0)
			return n < 0 && (errno == EAGAIN || errno == EINTR);
		viewer->header_used += (unsigned int)n;
		if (viewer->header_used < 4)
			return true;
		viewer->left = viewer->header[1] | (unsigned int)viewer->header[2] << 8 | (unsigned int)viewer->header[3] << 16;
		viewer->small_used = 0;
		if (viewer->left > (viewer->header[0] == 'I' ? 1U << 20 : sizeof(viewer->small)))
			return false;
	}
	if (viewer->left > 0) {
		bool is_input = viewer->header[0] == 'I';
		char *to = is_input ? watch->input : viewer->small + viewer->small_used;
		size_t want = is_input && viewer->left > INPUT_BYTES ? INPUT_BYTES : viewer->left;
		n = read(viewer->fd, to, want);
		if (n <= 0)
			return n < 0 && (errno == EAGAIN || errno == EINTR);
		viewer->left -= (unsigned int)n;
		if (is_input) {
			watch->input_start = 0;
			watch->input_end = viewer->input ? (size_t)n : 0;
			watch_push_input(watch);
		} else {
			viewer->small_used += (unsigned int)n;
		}
	}
	if (viewer->left > 0)
		return true;
	viewer->header_used = 0;
	return handle_frame(watch, viewer);
}

bool watch_owes_exit(const struct watch *watch, const struct viewer *viewer)
{
	return watch->exited && !viewer->told_exit && (viewer->attached || viewer->asked_status);
}

void watch_send(struct watch *watch)
{
	for (int i = 0; i < MAX_VIEWERS; i++) {
		struct viewer *viewer = &watch->viewers[i];
		if (viewer->fd < 0)
			continue;
		bool keep = !viewer->attached || viewer_send(viewer, &watch->ring);
		bool done = !viewer->attached || viewer->offset == watch->ring.head;
		if (keep && done && watch_owes_exit(watch, viewer))
			viewer->told_exit = viewer_frame(viewer, 'X', watch->record, watch->record_length - 1);
		if (viewer->told_exit && !watch->leave_until_us)
			watch->leave_until_us = now_us() + LEAVE_US;
		if (!keep)
			watch_drop_viewer(watch, viewer);
	}
}

bool watch_has_room(const struct watch *watch)
{
	const struct ring *ring = &watch->ring;
	if (watch->hold_until_us)
		return false;
	for (int i = 0; i < MAX_VIEWERS; i++) {
		const struct viewer *viewer = &watch->viewers[i];
		if (looks(viewer) && ring->head - viewer->offset + CHUNK + 64 > ring->size)
			return false;
	}
	return true;
}
