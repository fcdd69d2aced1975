/* The process's streams: what the caller has, or a terminal of the container's that goes to the caller's socket or to our own. */
#include <poll.h>
#include <signal.h>
#include <stdlib.h>
#include <sys/ioctl.h>
#include <sys/mount.h>
#include <sys/prctl.h>
#include <sys/signalfd.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/un.h>
#include <sys/wait.h>
#include <termios.h>

#include "runtime.h"

/* terminal COLUMNS ROWS SOCKET UID mount|-: without a socket the master comes to gantry-runtime, which stays */
int terminal_prepare(struct start *start, struct planned *planned)
{
	long long columns, rows;
	const char *path = planned->args[2];
	struct sockaddr_un address = {.sun_family = AF_UNIX};
	struct winsize own;
	if (!op_number(&start->ctx, "columns", planned->args[0], 0, 65535, &columns) || !op_number(&start->ctx, "rows", planned->args[1], 0, 65535, &rows))
		return -1;
	start->monitor->tty = true;
	start->monitor->columns = (unsigned short)columns;
	start->monitor->rows = (unsigned short)rows;
	if (path[0] == '\0') {
		if (columns == 0 && ioctl(0, TIOCGWINSZ, &own) == 0) {
			start->monitor->columns = own.ws_col;
			start->monitor->rows = own.ws_row;
		}
		return socketpair(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC, 0, start->pty_socket) < 0 ? op_fail(&start->ctx, errno, "make a socket pair") : 0;
	}
	fd_auto int node = open(path, O_PATH | O_CLOEXEC);
	runtime.console_socket = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
	snprintf(address.sun_path, sizeof(address.sun_path), "/proc/self/fd/%d", node);
	if (node < 0 || runtime.console_socket < 0 || connect(runtime.console_socket, (struct sockaddr *)&address, sizeof(address)) < 0)
		return op_fail(&start->ctx, errno, "connect to the console socket %s", path);
	return 0;
}

/* The name of the terminal goes along with the master, as the callers of runtimes are used to. */
static int send_master(struct start *start, int master)
{
	char name[32];
	unsigned int number = 0;
	union {
		struct cmsghdr header;
		char space[CMSG_SPACE(sizeof(int))];
	} control = {0};
	if (ioctl(master, TIOCGPTN, &number) < 0)
		return op_fail(&start->ctx, errno, "ask for the terminal's number");
	snprintf(name, sizeof(name), "/dev/pts/%u", number);
	struct iovec data = {.iov_base = name, .iov_len = strlen(name)};
	struct msghdr message = {.msg_iov = &data, .msg_iovlen = 1, .msg_control = &control, .msg_controllen = sizeof(control)};
	struct cmsghdr *header = CMSG_FIRSTHDR(&message);
	*header = (struct cmsghdr){.cmsg_level = SOL_SOCKET, .cmsg_type = SCM_RIGHTS, .cmsg_len = CMSG_LEN(sizeof(int))};
	memcpy(CMSG_DATA(header), &master, sizeof(int));
	if (sendmsg(runtime.console_socket, &message, MSG_NOSIGNAL) < 0)
		return op_fail(&start->ctx, errno, "hand over the terminal");
	close_fd(&runtime.console_socket);
	return 0;
}

static int mount_console(struct start *start)
{
	fd_auto int target = open_in_root(&start->ctx, start->root, "/dev/console", true, TARGET_FILE);
	fd_auto int tree = target < 0 ? -1 : open_tree(start->tty_slave, "", AT_EMPTY_PATH | OPEN_TREE_CLONE | OPEN_TREE_CLOEXEC);
	if (target < 0 || tree < 0)
		return op_fail(&start->ctx, errno, "clone the terminal");
	return attach_mount(start, tree, target, "/dev/console");
}

int terminal_apply(struct start *start, struct planned *planned)
{
	struct monitor *monitor = start->monitor;
	struct winsize size = {.ws_col = monitor->columns, .ws_row = monitor->rows};
	int unlock = 0;
	fd_auto int master = open_multiplexer(start);
	if (master < 0)
		return -1;
	if (ioctl(master, TIOCSPTLCK, &unlock) < 0 || (size.ws_col && ioctl(master, TIOCSWINSZ, &size) < 0))
		return op_fail(&start->ctx, errno, "set up the terminal");
	start->tty_slave = ioctl(master, TIOCGPTPEER, O_RDWR | O_NOCTTY | O_CLOEXEC);
	if (start->tty_slave < 0)
		return op_fail(&start->ctx, errno, "open the terminal");
	int sent = runtime.console_socket >= 0 ? send_master(start, master) : send_fd(start->pty_socket[1], master);
	if (sent < 0)
		return op_fail(&start->ctx, errno, "hand over the terminal");
	if (strcmp(planned->args[4], "mount") == 0 && mount_console(start) < 0)
		return -1;
	if (fchown(start->tty_slave, (uid_t)strtoul(planned->args[3], NULL, 10), (gid_t)-1) < 0)
		return op_fail(&start->ctx, errno, "give the terminal to user %s", planned->args[3]);
	return use_stdio(start);
}

/* stdio HOST_UID: by host root; the user may want to open /dev/stdout again. What cannot be given stays whose it is. */
int stdio_enter(struct start *start, struct planned *planned)
{
	struct stat null, st;
	uid_t uid = (uid_t)strtoul(planned->args[0], NULL, 10);
	if (stat("/dev/null", &null) < 0)
		return op_fail(&start->ctx, errno, "look at /dev/null");
	for (int fd = 0; fd < 3; fd++) {
		if (fstat(fd, &st) < 0 || (S_ISCHR(st.st_mode) && st.st_rdev == null.st_rdev))
			continue;
		if ((S_ISFIFO(st.st_mode) || S_ISSOCK(st.st_mode) || isatty(fd)) && fchown(fd, uid, (gid_t)-1) < 0)
			continue;
	}
	return 0;
}

/* --- foreground ----------------------------------------------------------------------------------------------------------- */

static int all_signals(void)
{
	sigset_t set;
	sigfillset(&set);
	sigprocmask(SIG_BLOCK, &set, NULL);
	return signalfd(-1, &set, SFD_CLOEXEC | SFD_NONBLOCK);
}

/* A terminal signals its whole foreground group; what came that way our parent has as well and passes on (si_code of a kill is <= 0). */
static void pass_on(int signals, pid_t pid, int master)
{
	struct signalfd_siginfo info;
	struct winsize size;
	while (read(signals, &info, sizeof(info)) == sizeof(info)) {
		if (info.ssi_signo == SIGWINCH && master >= 0 && ioctl(0, TIOCGWINSZ, &size) == 0)
			ioctl(master, TIOCSWINSZ, &size);
		else if (info.ssi_signo != SIGCHLD && info.ssi_signo != SIGPIPE && info.ssi_code <= 0)
			kill(pid, (int)info.ssi_signo);
	}
}

/* False when `to` takes no more. */
static bool copy_some(int from, int to)
{
	char data[16384];
	ssize_t n = read(from, data, sizeof(data));
	if (n < 0 && (errno == EAGAIN || errno == EINTR))
		return true;
	return n > 0 && write_all(to, data, (size_t)n) == 0;
}

static int watch_process(int pidfd, int signals, int master, pid_t pid)
{
	struct pollfd fds[] = {{.fd = pidfd, .events = POLLIN}, {.fd = signals, .events = POLLIN}, {.fd = master, .events = POLLIN}, {.fd = master < 0 ? -1 : 0, .events = POLLIN}};
	while (!(fds[0].revents & POLLIN)) {
		if (poll(fds, ARRAY_SIZE(fds), -1) < 0 && errno != EINTR)
			break;
		if (fds[1].revents)
			pass_on(signals, pid, master);
		if (fds[2].revents && !copy_some(master, 1))
			fds[2].fd = -1;
		if (fds[3].revents && !copy_some(0, master))
			fds[3].fd = -1;
	}
	/* What it wrote last is still in the terminal. */
	for (struct pollfd rest = {.fd = master, .events = POLLIN}; master >= 0 && poll(&rest, 1, 0) > 0 && (rest.revents & POLLIN) && copy_some(master, 1);)
		;
	int status = 0;
	waitpid(pid, &status, 0);
	return status;
}

int proxy_terminal(int master, pid_t pid)
{
	struct termios before, raw;
	fd_auto int pidfd = (int)syscall(SYS_pidfd_open, pid, 0);
	fd_auto int signals = all_signals();
	bool own = tcgetattr(0, &before) == 0;
	if (own) {
		raw = before;
		cfmakeraw(&raw);
		tcsetattr(0, TCSANOW, &raw);
	}
	int status = watch_process(pidfd, signals, master, pid);
	if (own)
		tcsetattr(0, TCSANOW, &before);
	return status;
}

int wait_and_forward(pid_t pid)
{
	fd_auto int pidfd = (int)syscall(SYS_pidfd_open, pid, 0);
	fd_auto int signals = all_signals();
	/* The streams are the process's alone now: a pipe that we hold open would never end for its other side. */
	int null = open("/dev/null", O_RDWR | O_CLOEXEC);
	for (int fd = 0; fd < 3 && null >= 0; fd++)
		dup2(null, fd);
	return watch_process(pidfd, signals, -1, pid);
}
