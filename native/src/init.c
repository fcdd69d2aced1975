/*
 * gantry-init: process 1 of a container that asked for one. Runs the command as its child, passes signals on to it, reaps what
 * is orphaned, and ends as the command ends. Bound read-only at /sbin/docker-init; usage: gantry-init -- COMMAND ARGUMENT…
 */
#include <errno.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <unistd.h>

static pid_t start_command(char **argv, const sigset_t *before)
{
	pid_t pid = fork();
	if (pid != 0)
		return pid;
	/* A group of its own, in the foreground of the terminal if there is one: job control works as if it were process 1. */
	setpgid(0, 0);
	signal(SIGTTOU, SIG_IGN);
	if (isatty(0))
		tcsetpgrp(0, getpid());
	signal(SIGTTOU, SIG_DFL);
	sigprocmask(SIG_SETMASK, before, NULL);
	execvp(argv[0], argv);
	int code = errno == ENOENT ? 127 : 126;
	fprintf(stderr, "gantry-init: %s: %s\n", argv[0], strerror(errno));
	_exit(code);
}

/* Reaps everything there is; true when the command was among it, with its exit code. */
static int reap(pid_t command, int *code)
{
	int status;
	int ended = 0;
	for (pid_t pid; (pid = waitpid(-1, &status, WNOHANG)) > 0;)
		if (pid == command) {
			ended = 1;
			*code = WIFSIGNALED(status) ? 128 + WTERMSIG(status) : WEXITSTATUS(status);
		}
	return ended;
}

int main(int argc, char **argv)
{
	int first = argc > 1 && strcmp(argv[1], "--") == 0 ? 2 : 1;
	if (first >= argc) {
		fputs("usage: gantry-init -- COMMAND [ARGUMENT]...\n", stderr);
		return 2;
	}
	sigset_t all, before;
	sigfillset(&all);
	/* Faults of this process itself, and what stops it, are not the command's. */
	const int own[] = {SIGFPE, SIGILL, SIGSEGV, SIGBUS, SIGABRT, SIGTRAP, SIGSYS, SIGTTIN, SIGTTOU};
	for (size_t i = 0; i < sizeof(own) / sizeof(own[0]); i++)
		sigdelset(&all, own[i]);
	sigprocmask(SIG_SETMASK, &all, &before);
	prctl(PR_SET_CHILD_SUBREAPER, 1);
	pid_t command = start_command(argv + first, &before);
	if (command < 0) {
		perror("gantry-init: fork");
		return 126;
	}
	for (;;) {
		siginfo_t info;
		int code = 0;
		int sig = sigwaitinfo(&all, &info);
		if (sig < 0)
			continue;
		if (sig == SIGCHLD) {
			if (reap(command, &code))
				return code;
		} else {
			kill(command, sig);
		}
	}
}
