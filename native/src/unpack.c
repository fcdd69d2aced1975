/* gantry-unpack: see unpack.h for what it does and how it is called. */
#include "unpack.h"

#include <err.h>
#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <unistd.h>

/* The input may be a socket that brings the descriptor to read instead of the bytes themselves: then nobody has to copy them. */
static void receive_input(void)
{
	char byte;
	struct iovec data = {&byte, 1};
	union {
		struct cmsghdr align;
		char bytes[CMSG_SPACE(sizeof(int))];
	} control;
	struct msghdr message = {.msg_iov = &data, .msg_iovlen = 1, .msg_control = control.bytes, .msg_controllen = sizeof control.bytes};
	ssize_t n;
	do
		n = recvmsg(STDIN_FILENO, &message, MSG_PEEK | MSG_CMSG_CLOEXEC);
	while (n < 0 && errno == EINTR);
	struct cmsghdr *c = n > 0 ? CMSG_FIRSTHDR(&message) : NULL;
	if (!c || c->cmsg_level != SOL_SOCKET || c->cmsg_type != SCM_RIGHTS)
		return;
	int fd;
	memcpy(&fd, CMSG_DATA(c), sizeof fd);
	if (dup2(fd, STDIN_FILENO) < 0)
		fail(KIND_IO, "receive", errno, "cannot take over the descriptor of the input");
	close(fd);
}

static void sync_file_system(const char *folder)
{
	int fd = open(folder, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	if (fd < 0 || syncfs(fd) < 0)
		fail(KIND_IO, "sync", errno, "cannot bring %s to the disk", folder);
	report("done", "\"synced\":true");
}

/* The commands that read nothing hostile. True when it was one. */
static bool run_simple(int argc, char **argv)
{
	if (argc == 3 && strcmp(argv[1], "sync") == 0)
		sync_file_system(argv[2]);
	else if (argc == 3 && strcmp(argv[1], "subvolume") == 0)
		btrfs_create(argv[2]);
	else if (argc == 4 && strcmp(argv[1], "snapshot") == 0)
		btrfs_snapshot(argv[2], argv[3]);
	else if (argc == 3 && strcmp(argv[1], "remove-subvolume") == 0)
		btrfs_remove(argv[2]);
	else
		return false;
	return true;
}

int main(int argc, char **argv)
{
	static struct unpack_limits limits;
	if (run_simple(argc, argv))
		return 0;
	bool apply = argc > 1 && strcmp(argv[1], "apply") == 0;
	bool layer = (argc == 7 || (argc == 8 && strlen(argv[7]) == 64)) && (apply || strcmp(argv[1], "layer") == 0);
	bool archive = argc == 7 && strcmp(argv[1], "archive") == 0;
	bool copy = argc >= 5 && strcmp(argv[1], "copy") == 0;
	bool clone = argc == 4 && strcmp(argv[1], "clone") == 0;
	if (!layer && !archive && !copy && !clone)
		errx(2, "usage: gantry-unpack layer|apply|archive TARGET MAX_BYTES MAX_RATIO MAX_ENTRIES RESERVE_BYTES, "
			"or copy TARGET PATH LOWER_DIR..., or clone TARGET FOLDER, or sync FOLDER, "
			"or subvolume PATH, or snapshot SOURCE PATH, or remove-subvolume PATH");
	prctl(PR_SET_PDEATHSIG, 9); /* an abandoned unpacking is swept by the next start, so it must not go on */
	sandbox_load_early();
	if (archive)
		receive_input();
	sandbox_limits();
	sandbox_namespace();
	if (copy || clone) {
		if (copy)
			unpack_copy(argv[2], argv[3], argv + 4, argc - 4, true);
		else
			unpack_copy(argv[2], "/", argv + 3, 1, false);
		return 0;
	}
	limits = (struct unpack_limits){parse_number(argv[3]), parse_number(argv[4]), parse_number(argv[5]), parse_number(argv[6])};
	int root = sandbox_enter(argv[2]);
	sandbox_close();
	if (layer)
		unpack_layer(root, &limits, argc == 8 ? argv[7] : NULL, apply);
	else
		unpack_archive(root, &limits);
	return 0;
}
