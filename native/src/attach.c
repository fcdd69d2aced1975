/*
 * gantry-attach: bridges the terminal it runs in to a monitor's socket (see viewers.h for the frames).
 *
 *   gantry-attach SOCKET FROM [prefix]
 *
 * Output from byte FROM (or `end`) goes to standard output unchanged, input to the process; a change of the terminal's size
 * goes along. It ends when the process has ended and all its output was written, with the process's exit code; 255 when the
 * monitor is not there.
 *
 * With `prefix` the first 8 bytes written are the big-endian offset of the byte that follows, and it does not end by itself: it
 * waits until its terminal is closed, as whoever reads that one slowly would lose what is still in it.
 */
#include <errno.h>
#include <poll.h>
#include <signal.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/signalfd.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <termios.h>
#include <unistd.h>

#define FRAME_MAX (16 * 1024)
enum { GONE = 255 };

static struct termios before;
static int is_terminal;

static void restore(void)
{
	if (is_terminal)
		tcsetattr(0, TCSANOW, &before);
}

/* Bytes pass unchanged both ways; the other terminal does all the cooking. */
static void make_raw(void)
{
	struct termios raw;
	is_terminal = tcgetattr(0, &before) == 0;
	if (!is_terminal)
		return;
	raw = before;
	cfmakeraw(&raw);
	tcsetattr(0, TCSANOW, &raw);
	atexit(restore);
}

static void write_fully(int fd, const void *bytes, size_t length)
{
	const char *at = bytes;
	while (length > 0) {
		ssize_t n = write(fd, at, length);
		if (n < 0 && errno == EINTR)
			continue;
		if (n < 0)
			exit(GONE);
		at += n;
		length -= (size_t)n;
	}
}

static int read_fully(int fd, void *bytes, size_t length)
{
	char *at = bytes;
	while (length > 0) {
		ssize_t n = read(fd, at, length);
		if (n < 0 && errno == EINTR)
			continue;
		if (n <= 0)
			return -1;
		at += n;
		length -= (size_t)n;
	}
	return 0;
}

static void send_frame(int monitor, char type, const void *payload, size_t length)
{
	unsigned char frame[4 + 4096];
	frame[0] = (unsigned char)type;
	frame[1] = (unsigned char)length;
	frame[2] = (unsigned char)(length >> 8);
	frame[3] = (unsigned char)(length >> 16);
	memcpy(frame + 4, payload, length);
	write_fully(monitor, frame, length + 4);
}

static struct winsize terminal_size(void)
{
	struct winsize size = {0};
	ioctl(0, TIOCGWINSZ, &size);
	return size;
}

static void attach(int monitor, const char *from)
{
	char payload[128];
	struct winsize size = terminal_size();
	int n = snprintf(payload, sizeof(payload), "%.32s%cioh%c%u%c%u", from, 0, 0, size.ws_col, 0, size.ws_row);
	send_frame(monitor, 'A', payload, (size_t)n + 1);
}

static void send_size(int monitor)
{
	struct winsize size = terminal_size();
	unsigned char payload[4] = {(unsigned char)size.ws_col, (unsigned char)(size.ws_col >> 8), (unsigned char)size.ws_row, (unsigned char)(size.ws_row >> 8)};
	send_frame(monitor, 'R', payload, sizeof(payload));
}

static void write_prefix(const unsigned char *little_endian)
{
	unsigned char big_endian[8];
	for (int i = 0; i < 8; i++)
		big_endian[i] = little_endian[7 - i];
	write_fully(1, big_endian, sizeof(big_endian));
}

/* The record is our own monitor's: {"event":"exit","key":"…","exitCode":N,… */
static int exit_code(const char *record)
{
	const char *found = strstr(record, "\"exitCode\":");
	return found ? atoi(found + 11) : GONE;
}

static _Noreturn void wait_for_hangup(void)
{
	char input[4096];
	for (;;) {
		ssize_t n = read(0, input, sizeof(input));
		if (n == 0 || (n < 0 && errno != EINTR))
			exit(0);
	}
}

static void take_frame(int monitor, int prefix)
{
	static char payload[FRAME_MAX + 1];
	unsigned char header[4];
	if (read_fully(monitor, header, sizeof(header)) < 0)
		exit(GONE);
	size_t length = header[1] | (size_t)header[2] << 8 | (size_t)header[3] << 16;
	if (length > FRAME_MAX || read_fully(monitor, payload, length) < 0)
		exit(GONE);
	payload[length] = '\0';
	if (header[0] == 'B' && prefix && length == 8)
		write_prefix((unsigned char *)payload);
	else if (header[0] == 'O' || header[0] == 'E')
		write_fully(1, payload, length);
	else if (header[0] == 'X' && !prefix)
		exit(exit_code(payload));
	else if (header[0] == 'X')
		wait_for_hangup();
}

static int connect_monitor(const char *path)
{
	struct sockaddr_un address = {.sun_family = AF_UNIX};
	if (strlen(path) >= sizeof(address.sun_path))
		return -1;
	strcpy(address.sun_path, path);
	int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
	return fd >= 0 && connect(fd, (struct sockaddr *)&address, sizeof(address)) == 0 ? fd : -1;
}

static void loop(int monitor, int resized, int prefix)
{
	struct pollfd fds[] = {{.fd = monitor, .events = POLLIN}, {.fd = 0, .events = POLLIN}, {.fd = resized, .events = POLLIN}};
	for (;;) {
		if (poll(fds, 3, -1) < 0)
			continue;
		if (fds[2].revents) {
			struct signalfd_siginfo info;
			if (read(resized, &info, sizeof(info)) > 0)
				send_size(monitor);
		}
		if (fds[1].revents) {
			char input[4096];
			ssize_t n = read(0, input, sizeof(input));
			if (n > 0)
				send_frame(monitor, 'I', input, (size_t)n);
			else if (n == 0 || errno != EINTR) {
				if (is_terminal)
					exit(0); /* whoever held the other end of our terminal has left */
				send_frame(monitor, 'C', "", 0);
				fds[1].fd = -1;
			}
		}
		if (fds[0].revents)
			take_frame(monitor, prefix);
	}
}

int main(int argc, char **argv)
{
	if (argc < 3) {
		fputs("usage: gantry-attach SOCKET FROM [prefix]\n", stderr);
		return 2;
	}
	sigset_t set;
	sigemptyset(&set);
	sigaddset(&set, SIGWINCH);
	sigprocmask(SIG_BLOCK, &set, NULL);
	int resized = signalfd(-1, &set, SFD_CLOEXEC);
	int monitor = connect_monitor(argv[1]);
	if (monitor < 0)
		return GONE;
	make_raw();
	attach(monitor, argv[2]);
	loop(monitor, resized, argc > 3);
}
