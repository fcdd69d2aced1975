/*
 * A root that a program serves over FUSE: fuse-overlayfs, for file systems that the kernel's own overlay cannot stand on.
 *
 * The program runs in a mount namespace that nobody else enters, where the mount is made and taken away again as soon as it has been
 * cloned: what is left of it is the container's. With the container's mount namespace the file system ends, its device reports so to
 * the program, and that ends too. It is a daemon of its own until then, so neither agent nor launcher nor monitor is needed for it.
 */
#include <sched.h>
#include <stdlib.h>
#include <sys/mount.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/wait.h>

#include "start.h"

/* Options of a stack of layers grow with their number; MAX_ARG_STRLEN bounds one argument. */
#define OPTIONS_MAX (120 * 1024)

static void buf_layers(struct buf *text, struct planned *planned, int first)
{
	for (int i = first; i < planned->n; i++)
		buf_format(text, "%s%s", i > first ? ":" : "lowerdir=", planned->args[i]);
}

/* fuse-overlayfs shifts ids itself: on disk 0, in the mount the host id of the container's root. */
static void buf_mapping(struct buf *text, const struct start *start)
{
	if (start->user_ns >= 0)
		buf_format(text, ",uidmapping=0:%lld:65536,gidmapping=0:%lld:65536", start->id_base, start->id_base);
}

/* The program's words, for the error that is told when it gives up. */
static void read_words(int from, char *words, size_t size)
{
	ssize_t n = read(from, words, size - 1);
	words[n > 0 ? n : 0] = '\0';
	words[strcspn(words, "\n")] = '\0';
}

static int run_daemon(struct start *start, const char *program, char *options, const char *target)
{
	int output[2];
	if (pipe2(output, O_CLOEXEC) < 0)
		return op_fail(&start->ctx, errno, "make a pipe");
	pid_t pid = fork();
	if (pid == 0) {
		char *const argv[] = {(char *)program, "-o", options, (char *)target, NULL};
		char *const environment[] = {"PATH=/usr/sbin:/usr/bin:/sbin:/bin", NULL};
		int null = open("/dev/null", O_RDWR);
		if (null < 0 || dup2(null, 0) < 0 || dup2(null, 1) < 0 || dup2(output[1], 2) < 0)
			_exit(126);
		close_range(3, ~0U, 0);
		umask(0);
		execve(program, argv, environment);
		_exit(127);
	}
	close(output[1]);
	int status = -1;
	/* It goes into the background once the file system is mounted; a pipe that it kept open would keep us waiting, so wait first. */
	if (pid > 0)
		while (waitpid(pid, &status, 0) < 0 && errno == EINTR)
			;
	char words[256] = "";
	if (status != 0)
		read_words(output[0], words, sizeof(words));
	close(output[0]);
	if (pid < 0)
		return op_fail(&start->ctx, errno, "fork for %s", program);
	if (WIFEXITED(status) && WEXITSTATUS(status) == 127)
		return op_fail(&start->ctx, ENOENT, "run %s", program);
	return status == 0 ? 0 : op_fail(&start->ctx, EIO, "%s gave up: %s", program, words);
}

static int stage(struct start *start, struct planned *planned)
{
	char options[OPTIONS_MAX];
	struct buf text = {.data = options, .capacity = sizeof(options) - 1};
	if (unshare_mounts(start) < 0)
		return -1;
	buf_layers(&text, planned, 3);
	buf_format(&text, ",upperdir=%s,workdir=%s,suid%s", planned->args[1], planned->args[2], start->user_ns < 0 ? ",dev" : "");
	buf_mapping(&text, start);
	options[text.length] = '\0';
	if (text.truncated)
		return op_fail(&start->ctx, E2BIG, "%d layers", planned->n - 3);
	if (mount("tmpfs", start->monitor->dir, "tmpfs", 0, "size=64k,mode=700") < 0 || chdir(start->monitor->dir) < 0 || mkdir("m", 0700) < 0)
		return op_fail(&start->ctx, errno, "make a staging folder");
	if (run_daemon(start, planned->args[0], options, "m") < 0)
		return -1;
	planned->fd = open_tree(AT_FDCWD, "m", OPEN_TREE_CLONE | OPEN_TREE_CLOEXEC);
	if (planned->fd < 0 || make_private(&start->ctx, planned->fd, "m") < 0 || umount2("m", MNT_DETACH) < 0)
		return op_fail(&start->ctx, errno, "detach what %s serves", planned->args[0]);
	return 0;
}

/* fuse PROGRAM UPPER WORK LOWER…, topmost layer first */
int fuse_prepare(struct start *start, struct planned *planned)
{
	return made_by_child(start, planned, stage);
}
