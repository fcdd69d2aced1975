/* Hooks: programs of the caller that are told the container's state and may stop the start (runtime-spec, POSIX-platform Hooks). */
#include <poll.h>
#include <sched.h>
#include <signal.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <sys/wait.h>

#include "runtime.h"

enum { KIND, TIMEOUT, STATE_BEFORE, STATE_AFTER, PATH, ARGC, FIRST_ARG };

int hook_prepare(struct start *start, struct planned *planned)
{
	long long timeout, count;
	if (!op_number(&start->ctx, "timeout", planned->args[TIMEOUT], 0, INT32_MAX, &timeout) ||
	    !op_number(&start->ctx, "argument count", planned->args[ARGC], 0, planned->n - FIRST_ARG, &count))
		return -1;
	if (strcmp(planned->args[KIND], "host") != 0)
		return 0;
	if (runtime.hooks_used == MAX_HOOKS)
		return op_fail(&start->ctx, E2BIG, "more than %d hooks", MAX_HOOKS);
	runtime.hooks[runtime.hooks_used++] = planned;
	return 0;
}

/* Short enough for a pipe or not, the state is whole in a file of memory before the hook runs. */
static int state_file(const struct start *start, const struct planned *planned)
{
	char pid[16];
	int file = memfd_create("state", MFD_CLOEXEC);
	snprintf(pid, sizeof(pid), "%d", (int)start->shared->pid);
	const char *parts[] = {planned->args[STATE_BEFORE], pid, planned->args[STATE_AFTER]};
	for (size_t i = 0; i < ARRAY_SIZE(parts); i++)
		if (file < 0 || write_all(file, parts[i], strlen(parts[i])) < 0)
			return -1;
	return lseek(file, 0, SEEK_SET) < 0 ? -1 : file;
}

static _Noreturn void become_hook(const struct planned *planned, int state, int words)
{
	static char *args[MAX_ARGS + 1];
	static char *env[MAX_ARGS + 1];
	int count = atoi(planned->args[ARGC]);
	for (int i = 0; i < count; i++)
		args[i] = planned->args[FIRST_ARG + i];
	if (count == 0)
		args[0] = planned->args[PATH];
	for (int i = FIRST_ARG + count; i < planned->n; i++)
		env[i - FIRST_ARG - count] = planned->args[i];
	setpgid(0, 0);
	signal(SIGPIPE, SIG_DFL);
	prctl(PR_SET_DUMPABLE, 1);
	if (dup2(state, 0) < 0 || dup2(words, 1) < 0 || dup2(words, 2) < 0 || close_range(3, ~0U, CLOSE_RANGE_CLOEXEC) < 0)
		_exit(126);
	execve(planned->args[PATH], args, env);
	dprintf(2, "%s", strerrordesc_np(errno));
	_exit(127);
}

/* False when it took too long; then it and its children are killed. */
static bool wait_for(pid_t pid, int timeout_ms, int *status)
{
	fd_auto int pidfd = (int)syscall(SYS_pidfd_open, pid, 0);
	struct pollfd end = {.fd = pidfd, .events = POLLIN};
	int ready;
	do
		ready = timeout_ms > 0 ? poll(&end, 1, timeout_ms) : 1;
	while (ready < 0 && errno == EINTR);
	if (ready == 0) {
		kill(-pid, SIGKILL);
		kill(pid, SIGKILL);
	}
	while (waitpid(pid, status, 0) < 0 && errno == EINTR)
		;
	return ready != 0;
}

static int run_hook(struct start *start, struct planned *planned)
{
	char words[256];
	const char *path = planned->args[PATH];
	int status = 0;
	fd_auto int state = state_file(start, planned);
	fd_auto int output = memfd_create("output", MFD_CLOEXEC);
	if (state < 0 || output < 0)
		return op_fail(&start->ctx, errno, "keep the state for hook %s", path);
	pid_t pid = fork();
	if (pid == 0)
		become_hook(planned, state, output);
	if (pid < 0)
		return op_fail(&start->ctx, errno, "start hook %s", path);
	if (!wait_for(pid, atoi(planned->args[TIMEOUT]), &status))
		return op_fail(&start->ctx, ETIMEDOUT, "hook %s was killed after %s ms", path, planned->args[TIMEOUT]);
	if (WIFEXITED(status) && WEXITSTATUS(status) == 0)
		return 0;
	ssize_t length = pread(output, words, sizeof(words) - 1, 0);
	words[length > 0 ? length : 0] = '\0';
	words[strcspn(words, "\n")] = '\0';
	return op_fail(&start->ctx, 0, "hook %s failed with %s %d%s%s", path, WIFSIGNALED(status) ? "signal" : "status",
		       WIFSIGNALED(status) ? WTERMSIG(status) : WEXITSTATUS(status), words[0] ? ": " : "", words);
}

/* In init: those of the container */
int hook_apply(struct start *start, struct planned *planned)
{
	return strcmp(planned->args[KIND], "host") == 0 ? 0 : run_hook(start, planned);
}

/* hooks.host: the mounts are there and the old root still is; gantry-runtime runs its hooks now (prestart, createRuntime) */
int hooks_host_apply(struct start *start, struct planned *planned)
{
	char word;
	(void)planned;
	if (write(runtime.sync[1], "h", 1) != 1 || read(runtime.sync[1], &word, 1) != 1)
		return op_fail(&start->ctx, EPIPE, "wait for the hooks");
	return 0;
}

int run_host_hooks(struct start *start)
{
	for (int i = 0; i < runtime.hooks_used; i++)
		if (run_hook(start, runtime.hooks[i]) < 0) {
			report_failure(start, "hook", runtime.hooks[i]->args[PATH]);
			return -1;
		}
	return 0;
}
