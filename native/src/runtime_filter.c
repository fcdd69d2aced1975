/* The system call filter, with its flags and a listener that decides on calls in another program (seccomp_unotify(2)). */
#include <linux/filter.h>
#include <linux/seccomp.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <sys/un.h>

#include "runtime.h"

/* filter FILE FLAGS [LISTENER STATE_BEFORE STATE_AFTER] */
static int connect_listener(struct start *start, const char *path)
{
	struct sockaddr_un address = {.sun_family = AF_UNIX};
	fd_auto int node = open(path, O_PATH | O_CLOEXEC);
	int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
	/* By descriptor: the path may be longer than a socket's address can be. */
	snprintf(address.sun_path, sizeof(address.sun_path), "/proc/self/fd/%d", node);
	if (node < 0 || fd < 0 || connect(fd, (struct sockaddr *)&address, sizeof(address)) < 0)
		return op_fail(&start->ctx, errno, "connect to the listener %s", path);
	return fd;
}

int filter_prepare(struct start *start, struct planned *planned)
{
	start->seccomp = mmap(NULL, SECCOMP_BYTES, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	fd_auto int fd = open(planned->args[0], O_RDONLY | O_CLOEXEC);
	ssize_t n = fd < 0 || start->seccomp == MAP_FAILED ? -1 : read(fd, start->seccomp, SECCOMP_BYTES);
	if (n <= 0 || n % (ssize_t)sizeof(struct sock_filter) != 0)
		return op_fail(&start->ctx, n < 0 ? errno : EINVAL, "read filter %s", planned->args[0]);
	start->seccomp_count = (unsigned short)((size_t)n / sizeof(struct sock_filter));
	if (planned->n < 5)
		return 0;
	return (runtime.listener_socket = connect_listener(start, planned->args[2])) < 0 ? -1 : 0;
}

/* The state that the specification asks for, with the descriptor. */
static int send_listener(struct start *start, struct planned *planned, int listener)
{
	char data[16384];
	struct buf text = {.data = data, .capacity = sizeof(data)};
	union {
		struct cmsghdr header;
		char space[CMSG_SPACE(sizeof(int))];
	} control = {0};
	buf_format(&text, "%s%d%s", planned->args[3], (int)start->shared->pid, planned->args[4]);
	if (text.truncated)
		return op_fail(&start->ctx, E2BIG, "the state for the listener");
	struct iovec iov = {.iov_base = data, .iov_len = text.length};
	struct msghdr message = {.msg_iov = &iov, .msg_iovlen = 1, .msg_control = &control, .msg_controllen = sizeof(control)};
	struct cmsghdr *header = CMSG_FIRSTHDR(&message);
	*header = (struct cmsghdr){.cmsg_level = SOL_SOCKET, .cmsg_type = SCM_RIGHTS, .cmsg_len = CMSG_LEN(sizeof(int))};
	memcpy(CMSG_DATA(header), &listener, sizeof(int));
	return sendmsg(runtime.listener_socket, &message, MSG_NOSIGNAL) < 0 ? op_fail(&start->ctx, errno, "hand over the listener") : 0;
}

int filter_apply(struct start *start, struct planned *planned)
{
	struct sock_fprog program = {.len = start->seccomp_count, .filter = start->seccomp};
	unsigned int flags = (has_flag(planned->args[1], "LOG") ? SECCOMP_FILTER_FLAG_LOG : 0) |
			     (has_flag(planned->args[1], "SPEC_ALLOW") ? SECCOMP_FILTER_FLAG_SPEC_ALLOW : 0) |
			     (has_flag(planned->args[1], "WAIT_KILLABLE_RECV") ? SECCOMP_FILTER_FLAG_WAIT_KILLABLE_RECV : 0) |
			     (runtime.listener_socket >= 0 ? SECCOMP_FILTER_FLAG_NEW_LISTENER : 0);
	int made = (int)syscall(SYS_seccomp, SECCOMP_SET_MODE_FILTER, flags, &program);
	if (made < 0)
		return op_fail(&start->ctx, errno, "install the system call filter");
	if (runtime.listener_socket < 0)
		return 0;
	int sent = send_listener(start, planned, made);
	close(made);
	close_fd(&runtime.listener_socket);
	return sent;
}
