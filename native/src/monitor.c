/*
 * Watches one process to its end. One loop over: the process (pidfd), its output, its input, the viewers' socket and the
 * viewers. Memory is bounded: output is read only when log and viewers have taken what was read before.
 *
 * At the end, in this order: rest of the output to the log, exit.json, its fsynced copy, the word to the agent, the viewers.
 */
#include "monitor.h"

#include <poll.h>
#include <signal.h>
#include <stdlib.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/un.h>
#include <sys/wait.h>
#include <termios.h>

#include "log.h"
#include "viewers.h"
#include "wire.h"

#define CHUNK (32 * 1024)
#define INPUT_BYTES 4096
#define IDLE_MS 2000
#define LEAVE_US (2 * 1000 * 1000)

struct watch {
	struct monitor *monitor;
	struct log log;
	struct ring ring;
	struct viewer viewers[MAX_VIEWERS];
	char *chunk;
	/* Input that stdin has not taken yet; while there is some, no viewer is read. */
	char input[INPUT_BYTES];
	size_t input_start, input_end;
	uint64_t hold_until_us;   /* output is left in the pipe until then; 0: not held */
	uint64_t expect_until_us; /* the end waits so long for a viewer that was announced; 0: for none */
	uint64_t leave_until_us;  /* the end waits so long for viewers with input to leave; 0: none was told of it yet */
	unsigned int expected;    /* announced viewers that have neither come nor been called off */
	bool exited;
	bool event_pending;
	bool busy; /* buffers were used since they were last given back */
	char record[512];
	size_t record_length;
};

static int socket_path(const struct monitor *monitor, struct sockaddr_un *address)
{
	address->sun_family = AF_UNIX;
	int n = snprintf(address->sun_path, sizeof(address->sun_path), "%s/sock", monitor->dir);
	return n < 0 || (size_t)n >= sizeof(address->sun_path) ? -1 : 0;
}

static int open_listener(struct op_ctx *ctx, struct monitor *monitor)
{
	struct sockaddr_un address = {0};
	if (socket_path(monitor, &address) < 0)
		return op_fail(ctx, ENAMETOOLONG, "monitor folder %s is too long for a socket (at most %zu bytes)", monitor->dir, sizeof(address.sun_path) - 6);
	monitor->listener = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
	if (monitor->listener < 0)
		return op_fail(ctx, errno, "make a socket");
	mode_t mask = umask(0177);
	int bound = bind(monitor->listener, (struct sockaddr *)&address, sizeof(address));
	if (bound < 0 && errno == EADDRINUSE && unlink(address.sun_path) == 0)
		bound = bind(monitor->listener, (struct sockaddr *)&address, sizeof(address));
	umask(mask);
	if (bound < 0 || listen(monitor->listener, 16) < 0)
		return op_fail(ctx, errno, "listen on %s", address.sun_path);
	return 0;
}

int monitor_open(struct op_ctx *ctx, struct monitor *monitor)
{
	if (open_listener(ctx, monitor) < 0)
		return -1;
	if (monitor->log_options.path[0]) {
		monitor->log = open(monitor->log_options.path, O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC | O_NOFOLLOW, 0640);
		if (monitor->log < 0)
			return op_fail(ctx, errno, "open log %s", monitor->log_options.path);
	}
	if (monitor->ring_path[0]) {
		monitor->ring = open(monitor->ring_path, O_RDWR | O_CREAT | O_TRUNC | O_CLOEXEC | O_NOFOLLOW, 0600);
		if (monitor->ring < 0)
			return op_fail(ctx, errno, "open scroll-back %s", monitor->ring_path);
	}
	return 0;
}

void monitor_discard(struct monitor *monitor)
{
	struct sockaddr_un address = {0};
	if (monitor->listener >= 0 && socket_path(monitor, &address) == 0)
		unlink(address.sun_path);
	if (monitor->ring >= 0)
		unlink(monitor->ring_path);
}

long long oom_kills(const char *file)
{
	char text[1024];
	if (read_file_at(AT_FDCWD, file, text, sizeof(text)) < 0)
		return 0;
	/* "oom_kill N" is a line of memory.oom_control (v1, Linux 4.13) and of memory.events (v2). */
	for (char *line = text; line; line = strchr(line, '\n') ? strchr(line, '\n') + 1 : NULL)
		if (strncmp(line, "oom_kill ", 9) == 0)
			return atoll(line + 9);
	return 0;
}

/* --- viewers ------------------------------------------------------------------------------------------------------------- */

static bool anybody_attached(const struct watch *watch)
{
	for (int i = 0; i < MAX_VIEWERS; i++)
		if (watch->viewers[i].fd >= 0 && watch->viewers[i].attached)
			return true;
	return false;
}

static void close_stdin(struct watch *watch)
{
	struct monitor *monitor = watch->monitor;
	if (!monitor->tty && watch->input_start == watch->input_end)
		close_fd(&monitor->in);
}

static void drop_viewer(struct watch *watch, struct viewer *viewer)
{
	bool was_input = viewer->attached && viewer->input;
	close_fd(&viewer->fd);
	viewer->attached = false;
	if (was_input && watch->monitor->stdin_mode == STDIN_ONCE) {
		watch->input_start = watch->input_end = 0;
		close_stdin(watch);
	}
	if (watch->ring.framed && !anybody_attached(watch) && watch->hold_until_us == 0)
		ring_close_memory(&watch->ring);
}

static void accept_viewer(struct watch *watch)
{
	int fd = accept4(watch->monitor->listener, NULL, NULL, SOCK_CLOEXEC | SOCK_NONBLOCK);
	if (fd < 0)
		return;
	for (int i = 0; i < MAX_VIEWERS; i++)
		if (watch->viewers[i].fd < 0) {
			watch->viewers[i] = (struct viewer){.fd = fd};
			return;
		}
	close(fd); /* more than MAX_VIEWERS look at once */
}

static void resize(struct watch *watch, unsigned int columns, unsigned int rows)
{
	struct winsize size = {.ws_col = (unsigned short)columns, .ws_row = (unsigned short)rows};
	if (watch->monitor->tty && watch->monitor->in >= 0 && columns > 0 && rows > 0)
		ioctl(watch->monitor->in, TIOCSWINSZ, &size);
}

static void expect_nobody(struct watch *watch)
{
	watch->hold_until_us = watch->expect_until_us = 0;
	watch->expected = 0;
	if (watch->ring.framed && !anybody_attached(watch))
		ring_close_memory(&watch->ring);
}

static void expect_one_less(struct watch *watch)
{
	if (watch->expected > 0 && --watch->expected == 0)
		expect_nobody(watch);
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
	viewer->attached = true;
	viewer->input = strchr(fields[1], 'i') != NULL;
	/* Frames can be joined only at their beginnings; the first viewer of held output sees all of it. */
	viewer->offset = watch->hold_until_us ? ring->tail : ring->head;
	if (strchr(fields[1], 'h'))
		expect_one_less(watch);
	uint64_t first = ring->framed ? ring->output_bytes - (ring->head - viewer->offset) : ring->head;
	if (ring->framed && viewer->offset == ring->tail && ring->tail == 0)
		first = 0;
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

/* A whole frame but 'I', whose bytes are taken as they come. False drops the viewer. */
static bool handle_frame(struct watch *watch, struct viewer *viewer)
{
	const unsigned char *small = (const unsigned char *)viewer->small;
	switch (viewer->header[0]) {
	case 'A': return attach_viewer(watch, viewer);
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

static void push_input(struct watch *watch)
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

/* Reads some bytes of one frame. False when the viewer has left or speaks nonsense. */
static bool read_viewer(struct watch *watch, struct viewer *viewer)
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
			push_input(watch);
		} else {
			viewer->small_used += (unsigned int)n;
		}
	}
	if (viewer->left > 0)
		return true;
	viewer->header_used = 0;
	return handle_frame(watch, viewer);
}

static bool owes_exit(const struct watch *watch, const struct viewer *viewer)
{
	return watch->exited && !viewer->told_exit && (viewer->attached || viewer->asked_status);
}

static void send_to_viewers(struct watch *watch)
{
	for (int i = 0; i < MAX_VIEWERS; i++) {
		struct viewer *viewer = &watch->viewers[i];
		if (viewer->fd < 0)
			continue;
		bool keep = !viewer->attached || viewer_send(viewer, &watch->ring);
		bool done = !viewer->attached || viewer->offset == watch->ring.head;
		if (keep && done && owes_exit(watch, viewer))
			viewer->told_exit = viewer_frame(viewer, 'X', watch->record, watch->record_length - 1);
		if (viewer->told_exit && !watch->leave_until_us)
			watch->leave_until_us = now_us() + LEAVE_US;
		if (!keep)
			drop_viewer(watch, viewer);
	}
}

/* The slowest viewer decides how much more may be read. */
static bool room_for_output(const struct watch *watch)
{
	const struct ring *ring = &watch->ring;
	if (watch->hold_until_us)
		return false;
	for (int i = 0; i < MAX_VIEWERS; i++) {
		const struct viewer *viewer = &watch->viewers[i];
		if (viewer->fd >= 0 && viewer->attached && ring->head - viewer->offset + CHUNK + 64 > ring->size)
			return false;
	}
	return true;
}

/* --- output -------------------------------------------------------------------------------------------------------------- */

static void take_output(struct watch *watch, int stream, size_t length)
{
	watch->busy = true;
	log_write(&watch->log, stream, watch->chunk, length);
	ring_write(&watch->ring, stream == LOG_STDOUT ? 'O' : 'E', watch->chunk, length);
}

/* Reads once. False when there is nothing now; closes the descriptor at the end of the stream. */
static bool read_output(struct watch *watch, int *fd, int stream)
{
	if (*fd < 0)
		return false;
	ssize_t n = read(*fd, watch->chunk, CHUNK);
	if (n < 0 && errno == EINTR)
		return true;
	if (n < 0 && errno == EAGAIN)
		return false;
	if (n <= 0) { /* end of a pipe; EIO: nobody has the terminal open */
		if (!watch->monitor->tty)
			close_fd(fd);
		return false;
	}
	take_output(watch, stream, (size_t)n);
	return true;
}

/* --- the end ------------------------------------------------------------------------------------------------------------- */

static void write_record(const struct watch *watch)
{
	const struct monitor *monitor = watch->monitor;
	char path[256];
	/* A record is whole when it ends in a newline; whoever reads it takes one without for absent. */
	snprintf(path, sizeof(path), "%s/exit.json", monitor->dir);
	fd_auto int fd = open(path, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC | O_NOFOLLOW, 0600);
	if (fd >= 0 && write_all(fd, watch->record, watch->record_length) < 0)
		unlink(path);
	if (monitor->exit_file[0] == '\0')
		return;
	fd_auto int copy = open(monitor->exit_file, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC | O_NOFOLLOW, 0600);
	if (copy >= 0 && write_all(copy, watch->record, watch->record_length) == 0)
		fsync(copy);
}

static void make_record(struct watch *watch, const siginfo_t *info)
{
	const struct monitor *monitor = watch->monitor;
	char time[31];
	bool killed = info->si_code == CLD_KILLED || info->si_code == CLD_DUMPED;
	bool oom = monitor->oom_file[0] && oom_kills(monitor->oom_file) > monitor->oom_before;
	now_rfc3339(time);
	struct buf record = {.data = watch->record, .capacity = sizeof(watch->record)};
	buf_text(&record, "{\"event\":\"exit\",\"key\":");
	buf_json(&record, monitor->key, strlen(monitor->key));
	buf_format(&record, ",\"exitCode\":%d,\"signal\":%d,\"oomKilled\":%s,\"finishedAt\":\"%s\",\"outputBytes\":%llu,\"logDropped\":%llu}\n",
		   killed ? 128 + info->si_status : info->si_status, killed ? info->si_status : 0, oom ? "true" : "false", time,
		   (unsigned long long)watch->ring.output_bytes, watch->log.dropped);
	watch->record_length = record.length;
}

static void tell_agent(struct watch *watch)
{
	struct buf line = {.data = watch->record, .length = watch->record_length, .capacity = sizeof(watch->record)};
	watch->event_pending = wire_line_now(&line) == 0;
}

static size_t waiting_output(int fd)
{
	int bytes = 0;
	return fd >= 0 && ioctl(fd, FIONREAD, &bytes) == 0 && bytes > 0 ? (size_t)bytes : 0;
}

static void read_rest(struct watch *watch, int fd, int stream, size_t left)
{
	while (left > 0) {
		ssize_t n = read(fd, watch->chunk, left < CHUNK ? left : CHUNK);
		if (n < 0 && errno == EINTR)
			continue;
		if (n <= 0)
			return;
		take_output(watch, stream, (size_t)n);
		left -= (size_t)n;
	}
}

static void read_pipes(struct watch *watch)
{
	const struct monitor *monitor = watch->monitor;
	size_t out = waiting_output(monitor->out);
	size_t err = waiting_output(monitor->err);
	/* Viewers have time: what they have not taken yet stays, beyond what the ring holds of a running process. */
	ring_grow(&watch->ring, out + err);
	read_rest(watch, monitor->out, LOG_STDOUT, out);
	read_rest(watch, monitor->err, LOG_STDERR, err);
}

static void handle_exit(struct watch *watch)
{
	struct monitor *monitor = watch->monitor;
	siginfo_t info = {0};
	if (waitid(P_PID, (id_t)monitor->pid, &info, WEXITED) < 0)
		return;
	watch->exited = true;
	/* What the process wrote before its end is in the pipes; what its children still write is not waited for. */
	if (watch->hold_until_us && watch->ring.framed)
		ring_open_memory(&watch->ring);
	if (monitor->tty)
		for (int rounds = 0; rounds < 64 && read_output(watch, &monitor->out, LOG_STDOUT); rounds++)
			;
	else
		read_pipes(watch);
	log_finish(&watch->log);
	make_record(watch, &info);
	write_record(watch);
	tell_agent(watch);
	if (!monitor->tty)
		close_fd(&monitor->in);
	close_fd(&monitor->pidfd);
}

/*
 * Something is left to do after the end while a viewer has not seen everything, or one is still expected. One that sends input may be
 * doing so right now: closing before it has left would fail its write, and with that what it has not read yet.
 */
static bool finished(struct watch *watch)
{
	if (!watch->exited || watch->event_pending)
		return false;
	if (watch->expect_until_us && now_us() < watch->expect_until_us)
		return false; /* it wants at least the exit code */
	for (int i = 0; i < MAX_VIEWERS; i++) {
		const struct viewer *viewer = &watch->viewers[i];
		if (viewer->fd >= 0 && !viewer->told_exit && (viewer->attached || viewer->asked_status || viewer->header_used > 0))
			return false;
		if (viewer->fd >= 0 && viewer->input && now_us() < watch->leave_until_us)
			return false;
	}
	return true;
}

/* --- loop ---------------------------------------------------------------------------------------------------------------- */

struct polled {
	struct pollfd fds[MAX_VIEWERS + 6];
	int used;
};

static int add(struct polled *polled, int fd, short events)
{
	if (fd < 0)
		return -1;
	polled->fds[polled->used] = (struct pollfd){.fd = fd, .events = events};
	return polled->used++;
}

static short happened(const struct polled *polled, int index)
{
	return index < 0 ? 0 : polled->fds[index].revents;
}

static int poll_timeout(const struct watch *watch)
{
	uint64_t now = now_us();
	uint64_t deadline = watch->hold_until_us;
	if (watch->exited)
		deadline = watch->expect_until_us;
	/* Once it has passed there is nothing left to wake up for but viewers that have not taken everything. */
	if (watch->exited && !deadline && watch->leave_until_us > now)
		deadline = watch->leave_until_us;
	if (deadline)
		return now >= deadline ? 0 : (int)((deadline - now) / 1000) + 1;
	return watch->busy ? IDLE_MS : -1;
}

/*
 * The program's text is mapped from the sealed copy that launcher and monitors share. What was used to start the process is not
 * used again: unmapped here, it is counted for nobody, and what the loop needs comes back page by page.
 */
static void drop_text(void)
{
	extern char __executable_start[], etext[], __init_array_start[];
	const uintptr_t page = 4096;
	uintptr_t text_end = (uintptr_t)etext & ~(page - 1);
	madvise(__executable_start, text_end - (uintptr_t)__executable_start, MADV_DONTNEED);
	/* Constants follow, up to the pages that start-up wrote to (RELRO), which must stay. */
	uintptr_t constants = text_end + page;
	uintptr_t written = ((uintptr_t)__init_array_start & ~(page - 1)) - page;
	if (written > constants)
		madvise((void *)constants, written - constants, MADV_DONTNEED);
}

static void go_idle(struct watch *watch)
{
	drop_text();
	madvise(watch->chunk, CHUNK, MADV_DONTNEED);
	log_idle(&watch->log);
	watch->busy = false;
}

static void turn(struct watch *watch)
{
	struct monitor *monitor = watch->monitor;
	struct polled polled = {.used = 0};
	int viewer_at[MAX_VIEWERS];
	bool wants_output = !watch->exited && room_for_output(watch);
	bool input_waits = watch->input_start < watch->input_end;
	int exit_at = add(&polled, watch->exited ? -1 : monitor->pidfd, POLLIN);
	int listen_at = add(&polled, monitor->listener, POLLIN);
	int out_at = add(&polled, wants_output ? monitor->out : -1, POLLIN);
	int err_at = add(&polled, wants_output ? monitor->err : -1, POLLIN);
	int in_at = add(&polled, input_waits ? monitor->in : -1, POLLOUT);
	/* Without an agent, which ends its side of the wire, no announced viewer comes any more. */
	bool expects = watch->expect_until_us != 0;
	int wire_at = add(&polled, watch->event_pending || expects ? WIRE_FD : -1, watch->event_pending ? POLLOUT : 0);
	for (int i = 0; i < MAX_VIEWERS; i++) {
		const struct viewer *viewer = &watch->viewers[i];
		bool owes = (viewer->attached && viewer->offset != watch->ring.head) || owes_exit(watch, viewer);
		viewer_at[i] = add(&polled, viewer->fd, (short)((input_waits ? 0 : POLLIN) | (owes ? POLLOUT : 0)));
	}
	int ready = poll(polled.fds, (nfds_t)polled.used, poll_timeout(watch));
	if (ready == 0 && expects && now_us() >= watch->expect_until_us)
		expect_nobody(watch);
	else if (ready == 0)
		go_idle(watch);
	if (ready <= 0)
		return;
	if (happened(&polled, in_at))
		push_input(watch);
	for (int i = 0; i < MAX_VIEWERS; i++) {
		short events = happened(&polled, viewer_at[i]);
		bool gone = (events & POLLIN) ? !read_viewer(watch, &watch->viewers[i]) : (events & (POLLHUP | POLLERR)) != 0;
		if (gone)
			drop_viewer(watch, &watch->viewers[i]);
	}
	if (happened(&polled, listen_at))
		accept_viewer(watch);
	if (happened(&polled, out_at))
		read_output(watch, &monitor->out, LOG_STDOUT);
	if (happened(&polled, err_at))
		read_output(watch, &monitor->err, LOG_STDERR);
	if (happened(&polled, exit_at))
		handle_exit(watch);
	if (happened(&polled, wire_at) & POLLHUP)
		expect_nobody(watch);
	if (happened(&polled, wire_at) && watch->event_pending)
		tell_agent(watch);
	send_to_viewers(watch);
}

static void set_nonblocking(int fd)
{
	if (fd >= 0)
		fcntl(fd, F_SETFL, fcntl(fd, F_GETFL) | O_NONBLOCK);
}

static void watch_init(struct watch *watch, struct monitor *monitor)
{
	watch->monitor = monitor;
	watch->chunk = buf_reserve(CHUNK).data;
	watch->ring = (struct ring){.framed = !monitor->tty, .fd = monitor->ring, .size = (uint64_t)monitor->ring_bytes};
	if (!monitor->tty)
		watch->ring.size = UINT64_MAX / 2;
	if (!watch->chunk || !log_init(&watch->log, &monitor->log_options, monitor->log))
		_exit(1);
	for (int i = 0; i < MAX_VIEWERS; i++)
		watch->viewers[i].fd = -1;
	watch->expected = monitor->hold_viewers;
	if (monitor->hold_ms)
		watch->expect_until_us = now_us() + (uint64_t)monitor->hold_ms * 1000;
	/* A terminal's output is kept in its ring anyway. */
	if (!monitor->tty)
		watch->hold_until_us = watch->expect_until_us;
	set_nonblocking(monitor->in);
	set_nonblocking(monitor->out);
	set_nonblocking(monitor->err);
	/* Held open so that a terminal all of whose users have closed it is not at its end: one may open it again. */
	if (monitor->tty)
		ioctl(monitor->out, TIOCGPTPEER, O_RDWR | O_NOCTTY | O_CLOEXEC);
}

void monitor_watch(struct monitor *monitor)
{
	static struct watch watch;
	watch_init(&watch, monitor);
	watch.busy = true; /* it was, starting: give all that back once nothing happens */
	while (!finished(&watch))
		turn(&watch);
	monitor_discard(monitor);
}
