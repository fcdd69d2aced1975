/* The program: reads the plan from one descriptor, answers on another. See runtime.h. */
#include "runtime.h"

#include <linux/sched.h>
#include <sched.h>
#include <signal.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/wait.h>

#include "rcu.h"
#include "sealed.h"

struct runtime runtime = {.sync = {-1, -1}, .result = -1, .console_socket = -1, .listener_socket = -1};

static const struct section sections[] = {
	{"@namespaces", namespace_ops}, {"@join", runtime_namespace_ops}, {"@rootfs", rootfs_ops},         {"@mounts", runtime_mount_ops},
	{"@process", process_ops},      {"@run", runtime_process_ops},    {NULL, NULL},
};

static int answer_fd;

static void answer(const struct buf *line)
{
	if (write_all(answer_fd, line->data, line->length) < 0)
		_exit(1); /* nobody is there to be told */
}

static void answer_ready(struct start *start)
{
	char data[256];
	struct buf line = {.data = data, .capacity = sizeof(data)};
	pid_t pid = start->shared->pid;
	buf_format(&line, "{\"pid\":%d,\"startTicks\":%llu}\n", (int)pid, start_ticks(pid));
	answer(&line);
}

/* The first failure with the kernel's word for it. */
static void failure_words(const struct start *start, char *out, size_t size)
{
	struct shared *shared = start->shared;
	if (!shared->failed) {
		snprintf(shared->step, sizeof(shared->step), "start");
		snprintf(shared->text, sizeof(shared->text), "the process was killed before it could run its command");
	}
	const char *why = shared->err ? strerrordesc_np(shared->err) : NULL;
	snprintf(out, size, "%s%s%s", shared->text, why ? ": " : "", why ? why : "");
}

static void failure_text(const struct start *start, struct buf *line)
{
	struct shared *shared = start->shared;
	char words[640];
	failure_words(start, words, sizeof(words));
	buf_text(line, "{\"error\":{\"step\":");
	buf_json(line, shared->step, strlen(shared->step));
	buf_format(line, ",\"errno\":\"%s\",\"exitCode\":%d,\"text\":", shared->err ? errno_name(shared->err) : "", shared->exit_code);
	buf_json(line, words, strlen(words));
	buf_text(line, "}}\n");
}

/* To whoever started it, who may be gantry-oci: STEP ERRNO EXITCODE TEXT, each ended by NUL. */
static void tell_result(const struct start *start)
{
	struct shared *shared = start->shared;
	char words[640], data[2048];
	struct buf tokens = {.data = data, .capacity = sizeof(data)};
	failure_words(start, words, sizeof(words));
	buf_format(&tokens, "%s%c%s%c%d%c%s%c", shared->step, 0, shared->err ? errno_name(shared->err) : "", 0, shared->exit_code, 0, words, 0);
	if (write_all(runtime.result, tokens.data, tokens.length) < 0)
		_exit(1); /* nobody is there to be told */
}

static int fail(struct start *start)
{
	char data[4096];
	struct buf line = {.data = data, .capacity = sizeof(data)};
	if (start->shared->pid > 0) {
		kill(start->shared->pid, SIGKILL);
		waitpid(start->shared->pid, NULL, 0);
	}
	failure_text(start, &line);
	answer(&line);
	return 1;
}

static _Noreturn void init_main(struct start *start)
{
	close_fd(&runtime.sync[0]);
	close_fd(&answer_fd); /* who reads the answers waits for the end of the last that could give one */
	prctl(PR_SET_PDEATHSIG, SIGKILL);
	setsid();
	if (start->new_cgroup_ns && unshare(CLONE_NEWCGROUP) < 0) {
		op_fail(&start->ctx, errno, "make a cgroup namespace");
		report_failure(start, "cgroupns.new", NULL);
		_exit(1);
	}
	run_phase(start, APPLY); /* the last operation is `exec`, so coming back is a failure */
	if (runtime.released && runtime.result >= 0)
		tell_result(start);
	_exit(start->shared->exit_code ? start->shared->exit_code : 1);
}

static void stop_with(struct start *start, const char *step, const char *text)
{
	op_fail(&start->ctx, errno, "%s", text);
	report_failure(start, step, NULL);
	_exit(1);
}

/* Children of this process are born in it; its offsets can be set until then (time_namespaces(7)). */
static void make_time_namespace(struct start *start)
{
	if (unshare(CLONE_NEWTIME) < 0)
		stop_with(start, "timens", "make a time namespace");
	if (runtime.time_offsets[0] && write_file_at(AT_FDCWD, "/proc/self/timens_offsets", runtime.time_offsets, strlen(runtime.time_offsets)) < 0)
		stop_with(start, "timens", "set the time namespace's offsets");
}

static _Noreturn void intermediate_main(struct start *start)
{
	struct rcu_hurry hurry = rcu_hurry();
	int entered = run_phase(start, ENTER);
	rcu_relax(&hurry);
	if (entered < 0)
		_exit(1);
	if (runtime.time_offsets)
		make_time_namespace(start);
	if (start->user_ns >= 0 && !start->enter_pid && setns(start->user_ns, CLONE_NEWUSER) < 0)
		stop_with(start, "userns", "enter the user namespace");
	if ((start->user_ns >= 0 || start->enter_user) && (setresgid(0, 0, 0) < 0 || setresuid(0, 0, 0) < 0))
		stop_with(start, "userns", "become root of the user namespace");
	struct clone_args args = {.flags = CLONE_PARENT | start->new_flags};
	pid_t pid = (pid_t)syscall(SYS_clone3, &args, sizeof(args));
	if (pid == 0)
		init_main(start);
	if (pid < 0)
		stop_with(start, "clone", "make the process and its namespaces");
	start->shared->pid = pid;
	start->shared->entered = true;
	_exit(0);
}

/* Serves init until it is ready; false when it, or a hook, failed. */
static bool serve(struct start *start)
{
	char word;
	ssize_t n;
	while ((n = read(runtime.sync[0], &word, 1)) == 1 || (n < 0 && errno == EINTR)) {
		if (n < 0)
			continue;
		if (word == 'r')
			return true;
		if (word == 'h' && run_host_hooks(start) < 0)
			return false;
		if (word == 'h' && write(runtime.sync[0], "k", 1) != 1)
			return false;
	}
	/* An exec says nothing: its end of the socket is closed by execve. */
	return n == 0 && start->shared->execing && !start->shared->failed;
}

static int foreground(struct start *start)
{
	pid_t pid = start->shared->pid;
	int status = start->pty_socket[0] >= 0 ? proxy_terminal(receive_fd(start->pty_socket[0]), pid) : wait_and_forward(pid);
	return WIFSIGNALED(status) ? 128 + WTERMSIG(status) : WEXITSTATUS(status);
}

static int start_process(struct start *start)
{
	if (socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, runtime.sync) < 0) {
		op_fail(&start->ctx, errno, "make a socket pair");
		report_failure(start, "sync", NULL);
		return fail(start);
	}
	pid_t intermediate = fork();
	if (intermediate == 0)
		intermediate_main(start);
	close_fd(&runtime.sync[1]);
	close_fd(&runtime.result); /* its end must be the end of init's own */
	while (intermediate > 0 && waitpid(intermediate, NULL, 0) < 0 && errno == EINTR)
		;
	if (intermediate < 0 || !start->shared->entered || !serve(start))
		return fail(start);
	answer_ready(start);
	if (!runtime.foreground)
		return 0;
	close(answer_fd); /* whoever reads it must see its end */
	return foreground(start);
}

static struct buf read_plan_file(int fd)
{
	struct buf plan = buf_reserve(MAX_FRAME);
	for (ssize_t n; plan.data && (n = read(fd, plan.data + plan.length, plan.capacity - plan.length)) > 0;)
		plan.length += (size_t)n;
	return plan;
}

static int run(struct start *start, struct buf plan)
{
	char **args = (char **)(void *)start->memory.data;
	struct op_tokens *ops = (struct op_tokens *)(void *)(args + MAX_ARGS);
	start->planned = (struct planned *)(void *)(ops + MAX_OPS);
	int count = args && plan.length ? ops_parse(plan.data, plan.length, args, MAX_ARGS, ops, MAX_OPS) : -1;
	if (count < 0) {
		op_fail(&start->ctx, EINVAL, "malformed plan");
		report_failure(start, "plan", NULL);
		return fail(start);
	}
	if (read_plan(start, sections, ops, count) < 0 || run_phase(start, PREPARE) < 0)
		return fail(start);
	if (start->planned_count == 0) { /* host operations only */
		answer(&(struct buf){.data = (char[]){"{}\n"}, .length = 3, .capacity = 3});
		return 0;
	}
	return start_process(start);
}

/* gantry-runtime PLAN_FD ANSWER_FD PRESERVED detach|foreground */
int main(int argc, char **argv)
{
	static struct monitor monitor = {.listener = -1, .ring = -1, .log = -1, .in = -1, .out = -1, .err = -1, .pidfd = -1, .columns = 80, .rows = 24};
	static struct start start = {
		.user_ns = -1, .net_ns = -1, .enter_pidfd = -1, .root = -1, .proc = -1, .dev = -1, .devpts = -1,
		.empty_dir = -1, .child_stdin = -1, .child_stdout = -1, .child_stderr = -1, .tty_slave = -1, .pty_socket = {-1, -1}, .sync = {-1, -1},
	};
	long long plan_fd, preserve, answers;
	if (argc != 5 || !parse_number(argv[1], 3, 100000, &plan_fd) || !parse_number(argv[2], 3, 100000, &answers) || !parse_number(argv[3], 0, 99990, &preserve)) {
		fputs("gantry-runtime is run by gantry-oci\n", stderr);
		return 2;
	}
	run_from_sealed_copy("gantry-runtime", argv);
	prctl(PR_SET_DUMPABLE, 0);
	signal(SIGPIPE, SIG_IGN);
	umask(0);
	answer_fd = (int)answers;
	runtime.preserve = (int)preserve;
	runtime.foreground = strcmp(argv[4], "foreground") == 0;
	fcntl(answer_fd, F_SETFD, FD_CLOEXEC);
	start.monitor = &monitor;
	start.received_us = now_us();
	start.memory = buf_reserve(MAX_ARGS * sizeof(char *) + MAX_OPS * (sizeof(struct op_tokens) + sizeof(struct planned)));
	start.shared = mmap(NULL, sizeof(struct shared), PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
	if (start.shared == MAP_FAILED)
		return 1;
	struct buf plan = read_plan_file((int)plan_fd);
	close((int)plan_fd);
	return run(&start, plan);
}
