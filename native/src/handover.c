/*
 * gantry-handover: gives whoever reads the unix socket on descriptor 3 this program's standard input as a descriptor, so that its bytes
 * need not be copied through anybody.
 */
#include <err.h>
#include <stddef.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#define SOCKET_FD 3

int main(void)
{
	char byte = 0;
	int input = STDIN_FILENO;
	struct iovec data = {&byte, 1};
	union {
		struct cmsghdr align;
		char bytes[CMSG_SPACE(sizeof(int))];
	} control = {0};
	struct msghdr message = {.msg_iov = &data, .msg_iovlen = 1, .msg_control = control.bytes, .msg_controllen = sizeof control.bytes};
	struct cmsghdr *c = CMSG_FIRSTHDR(&message);
	c->cmsg_level = SOL_SOCKET;
	c->cmsg_type = SCM_RIGHTS;
	c->cmsg_len = CMSG_LEN(sizeof input);
	memcpy(CMSG_DATA(c), &input, sizeof input);
	if (sendmsg(SOCKET_FD, &message, MSG_NOSIGNAL) != 1)
		err(1, "cannot hand over standard input");
	return 0;
}
