/*
 * keeper.start PROGRAM SOCKET [GIVER]: starts a program that outlives the agent (keeper.h) as nobody's child, with a socket listening
 * at SOCKET as its descriptor 3: whoever connects after this has returned is heard. GIVER is a socket for datagrams, descriptor 4,
 * which bring it descriptors. Sockets that a dead one left there are replaced.
 */
#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <sys/wait.h>
#include <unistd.h>

#include "net.h"

enum { DOOR = 3, GIVER = 4 };

static int open_socket(struct op_ctx *ctx, const char *path, int type)
{
	struct sockaddr_un address = {.sun_family = AF_UNIX};
	if (strlen(path) >= sizeof address.sun_path)
		return op_fail(ctx, ENAMETOOLONG, "socket %s", path);
	strcpy(address.sun_path, path);
	fd_auto int fd = socket(AF_UNIX, type | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
	if (fd < 0)
		return op_fail(ctx, errno, "make socket");
	if (unlink(path) < 0 && errno != ENOENT)
		return op_fail(ctx, errno, "remove %s", path);
	/* The mode of the descriptor is the socket's from the first moment. */
	if (fchmod(fd, 0600) < 0 || bind(fd, (struct sockaddr *)&address, sizeof address) < 0 || (type == SOCK_STREAM && listen(fd, 4) < 0))
		return op_fail(ctx, errno, "listen on %s", path);
	return steal_fd(&fd);
}

static void become_program(char *program, int door, int giver)
{
	char *const name = strrchr(program, '/');
	char *const argv[] = {name ? name + 1 : program, NULL};
	char *const envp[] = {NULL};
	const int null = open("/dev/null", O_RDWR);
	if (null < 0 || setsid() < 0)
		_exit(126);
	/* A session of its own, and nobody waits for it: the launcher's end does not concern it. */
	const pid_t child = fork();
	if (child != 0)
		_exit(child < 0 ? 126 : 0);
	const int high = fcntl(door, F_DUPFD, GIVER + 1);
	const int high_giver = giver < 0 ? -1 : fcntl(giver, F_DUPFD, GIVER + 1);
	for (int fd = 0; fd < 3; fd++)
		dup2(null, fd);
	dup2(high, DOOR);
	if (giver >= 0)
		dup2(high_giver, GIVER);
	close_range(giver < 0 ? DOOR + 1 : GIVER + 1, ~0u, 0);
	execve(program, argv, envp);
	_exit(127);
}

int keeper_start(struct op_ctx *ctx, char **args, int n)
{
	if (access(args[0], X_OK) < 0)
		return op_fail(ctx, errno, "run %s", args[0]);
	fd_auto int door = open_socket(ctx, args[1], SOCK_STREAM);
	fd_auto int giver = door < 0 || n < 3 ? -1 : open_socket(ctx, args[2], SOCK_DGRAM);
	if (door < 0 || (n > 2 && giver < 0))
		return -1;
	const pid_t child = fork();
	if (child < 0)
		return op_fail(ctx, errno, "fork");
	if (child == 0)
		become_program(args[0], door, giver);
	int status;
	while (waitpid(child, &status, 0) < 0)
		if (errno != EINTR)
			return op_fail(ctx, errno, "wait for %s", args[0]);
	return status == 0 ? 0 : op_fail(ctx, ECHILD, "start %s", args[0]);
}
