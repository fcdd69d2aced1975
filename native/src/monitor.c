/*
 * Watches one process to its end. One loop over: the process (pidfd), its output, its input, the viewers' socket and the
 * viewers. Memory is bounded: output is read only when log and viewers have taken what was read before.
 */
#include "monitor.h"

#include <poll.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <termios.h>

#include "monitor_watch.h"
#include "wire.h"

#define IDLE_MS 2000

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
	bool wants_output = !watch->exited && watch_has_room(watch);
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
		bool owes = (viewer->attached && viewer->offset != watch->ring.head) || watch_owes_exit(watch, viewer);
		viewer_at[i] = add(&polled, viewer->fd, (short)((input_waits ? 0 : POLLIN) | (owes ? POLLOUT : 0)));
	}
	int ready = poll(polled.fds, (nfds_t)polled.used, poll_timeout(watch));
	if (ready == 0 && expects && now_us() >= watch->expect_until_us)
		watch_expect_nobody(watch);
	else if (ready == 0)
		go_idle(watch);
	if (ready <= 0)
		return;
	if (happened(&polled, in_at))
		watch_push_input(watch);
	for (int i = 0; i < MAX_VIEWERS; i++) {
		short events = happened(&polled, viewer_at[i]);
		bool gone = (events & POLLIN) ? !watch_read_viewer(watch, &watch->viewers[i]) : (events & (POLLHUP | POLLERR)) != 0;
		if (gone)
			watch_drop_viewer(watch, &watch->viewers[i]);
	}
	if (happened(&polled, listen_at))
		watch_accept_viewers(watch);
	if (happened(&polled, out_at))
		watch_read_output(watch, &monitor->out, LOG_STDOUT);
	if (happened(&polled, err_at))
		watch_read_output(watch, &monitor->err, LOG_STDERR);
	if (happened(&polled, exit_at))
		watch_handle_exit(watch);
	if (happened(&polled, wire_at) & POLLHUP)
		watch_expect_nobody(watch);
	if (happened(&polled, wire_at) && watch->event_pending)
		watch_tell_agent(watch);
	watch_send(watch);
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
	while (!watch_is_over(&watch))
		turn(&watch);
	monitor_discard(monitor);
}
