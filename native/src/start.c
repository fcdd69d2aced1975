/* A start under a monitor; see start.h for who does what, plan.c for how a plan is carried out. */
#include "start.h"

#include <grp.h>
#include <linux/sched.h>
#include <sched.h>
#include <signal.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <sys/wait.h>

#include "rcu.h"
#include "sandbox.h"

static const struct section sections[] = {
	{"@monitor", monitor_ops}, {"@namespaces", namespace_ops}, {"@rootfs", rootfs_ops}, {"@process", process_ops}, {NULL, NULL},
};

/*
 * Without a tty there are three pipes. The intermediate makes them as the container's root, for whom /dev/stdout is then a file
 * of its own that it may open; it shares the monitor's descriptor table, so both have them.
 */
static int make_pipes(struct start *start)
{
	struct monitor *monitor = start->monitor;
	int(*pipes)[2] = start->shared->pipes;
	for (int i = 0; i < 3; i++) {
		if (monitor->tty || (i == 0 && monitor->stdin_mode == STDIN_NONE))
			continue;
		int ends[2];
		if (pipe2(ends, O_CLOEXEC) < 0)
			return op_fail(&start->ctx, errno, "make pipes");
		pipes[i][0] = i == 0 ? ends[1] : ends[0];
		pipes[i][1] = i == 0 ? ends[0] : ends[1];
	}
	start->child_stdin = pipes[0][1];
	start->child_stdout = pipes[1][1];
	start->child_stderr = pipes[2][1];
	return 0;
}

/* Ids of the container's root; without it, files made in its mounts would have ids that do not exist there (EOVERFLOW). */
static int become_namespace_root(struct start *start)
{
	if (setresgid(0, 0, 0) < 0 || setgroups(0, NULL) < 0 || setresuid(0, 0, 0) < 0)
		return op_fail(&start->ctx, errno, "become root of the user namespace");
	return 0;
}

static _Noreturn void init_main(struct start *start)
{
	/* No monitor, no process: nothing of ours runs on unwatched, and its exit code could never be told. */
	prctl(PR_SET_PDEATHSIG, SIGKILL);
	setsid();
	if (start->new_cgroup_ns && unshare(CLONE_NEWCGROUP) < 0) {
		op_fail(&start->ctx, errno, "make a cgroup namespace");
		report_failure(start, "cgroupns.new", NULL);
		_exit(1);
	}
	run_phase(start, APPLY); /* the last operation is `exec`, so coming back is a failure */
	_exit(1);
}

static _Noreturn void intermediate_main(struct start *start)
{
	/* The cgroups are entered in this phase. */
	struct rcu_hurry hurry = rcu_hurry();
	int entered = run_phase(start, ENTER);
	rcu_relax(&hurry);
	if (entered < 0)
		_exit(1);
	uint32_t began = since(start);
	if (start->user_ns >= 0 && !start->enter_pid && setns(start->user_ns, CLONE_NEWUSER) < 0) {
		op_fail(&start->ctx, errno, "enter the user namespace");
		report_failure(start, "userns", NULL);
		_exit(1);
	}
	if ((start->user_ns >= 0 || start->enter_user) && become_namespace_root(start) < 0) {
		report_failure(start, "userns", NULL);
		_exit(1);
	}
	if (make_pipes(start) < 0) {
		report_failure(start, "pipes", NULL);
		_exit(1);
	}
	struct clone_args args = {.flags = CLONE_PARENT | start->new_flags};
	pid_t pid = (pid_t)syscall(SYS_clone3, &args, sizeof(args));
	if (pid == 0)
		init_main(start);
	if (pid < 0) {
		op_fail(&start->ctx, errno, "make the process and its namespaces");
		report_failure(start, "clone", NULL);
		_exit(1);
	}
	start->shared->pid = pid;
	start->shared->entered = true;
	note_step(start, "clone", NULL, began);
	_exit(0);
}

static void answer_started(struct start *start)
{
	static char data[LINE_BYTES];
	struct buf line = {.data = data, .capacity = sizeof(data) - 8};
	struct monitor *monitor = start->monitor;
	buf_format(&line, "{\"id\":%lu,\"started\":{\"key\":", start->request->id);
	buf_json(&line, monitor->key, strlen(monitor->key));
	buf_format(&line, ",\"pid\":%d,\"startTicks\":%llu,\"monitorPid\":%d,\"steps\":[", (int)monitor->pid, monitor->ticks, (int)getpid());
	for (int i = 0; i < start->shared->steps_used; i++) {
		const struct step *step = &start->shared->steps[i];
		char label[160];
		snprintf(label, sizeof(label), "%s%s%.100s", step->name, step->arg ? " " : "", step->arg ? step->arg : "");
		if (line.length > line.capacity - 1200)
			break;
		buf_text(&line, i > 0 ? ",[" : "[");
		buf_json(&line, label, strlen(label));
		buf_format(&line, ",%u,%u]", step->start_us, step->end_us);
	}
	buf_text(&line, "]}}\n");
	wire_line(&line);
	madvise(data, sizeof(data), MADV_DONTNEED);
}

static void answer_failed(struct start *start)
{
	struct shared *shared = start->shared;
	char data[4096];
	struct buf line = {.data = data, .capacity = sizeof(data)};
	if (!shared->failed) {
		snprintf(shared->step, sizeof(shared->step), "start");
		snprintf(shared->text, sizeof(shared->text), "the process was killed before it could run its command");
	}
	char words[640];
	const char *why = shared->err ? strerrordesc_np(shared->err) : NULL;
	snprintf(words, sizeof(words), "%s%s%s", shared->text, why ? ": " : "", why ? why : "");
	buf_format(&line, "{\"id\":%lu,\"error\":{\"step\":", start->request->id);
	buf_json(&line, shared->step, strlen(shared->step));
	buf_format(&line, ",\"errno\":\"%s\",\"exitCode\":%d,\"text\":", shared->err ? errno_name(shared->err) : "", shared->exit_code);
	buf_json(&line, words, strlen(words));
	buf_text(&line, "}}\n");
	wire_line(&line);
}

/* Waits until init has exec'ed or ended. True when the command runs (or ran: it may be over already). */
static bool wait_for_exec(struct start *start, pid_t intermediate)
{
	char byte;
	struct shared *shared = start->shared;
	while (waitpid(intermediate, NULL, 0) < 0 && errno == EINTR)
		;
	/* Only now: until it ended, the intermediate shared this descriptor table. */
	close_fd(&start->sync[1]);
	for (int i = 0; i < 3; i++)
		close_fd(&shared->pipes[i][1]);
	while (read(start->sync[0], &byte, 1) < 0 && errno == EINTR)
		;
	close_fd(&start->sync[0]);
	if (shared->pid > 0 && shared->execing && !shared->failed)
		return true;
	if (shared->pid > 0) {
		kill(shared->pid, SIGKILL);
		waitpid(shared->pid, NULL, 0);
	}
	return false;
}

static bool launch(struct start *start)
{
	struct monitor *monitor = start->monitor;
	uint32_t began = since(start);
	if (pipe2(start->sync, O_CLOEXEC) < 0 || (monitor->tty && socketpair(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC, 0, start->pty_socket) < 0)) {
		op_fail(&start->ctx, errno, "make pipes");
		report_failure(start, "pipes", NULL);
		return false;
	}
	memset(start->shared->pipes, 0xff, sizeof(start->shared->pipes));
	pid_t intermediate = (pid_t)syscall(SYS_clone, CLONE_FILES | SIGCHLD, 0, 0, 0, 0);
	if (intermediate < 0) {
		op_fail(&start->ctx, errno, "fork");
		report_failure(start, "fork", NULL);
		return false;
	}
	if (intermediate == 0)
		intermediate_main(start);
	if (!wait_for_exec(start, intermediate))
		return false;
	monitor->in = start->shared->pipes[0][0];
	monitor->out = start->shared->pipes[1][0];
	monitor->err = start->shared->pipes[2][0];
	if (monitor->tty)
		monitor->in = monitor->out = receive_fd(start->pty_socket[0]); /* sent before the sync pipe closed */
	monitor->pid = start->shared->pid;
	monitor->pidfd = (int)syscall(SYS_pidfd_open, monitor->pid, 0);
	monitor->ticks = start_ticks(monitor->pid);
	note_step(start, "exec", NULL, began);
	return true;
}

/* Descriptors of other starts' sandboxes came along with the fork; this process lives long and must not hold them. */
static void keep_only(struct start *start)
{
	int keep[8];
	int used = 0;
	const struct monitor *monitor = start->monitor;
	const int candidates[] = {monitor->listener, monitor->ring, monitor->log, monitor->in, monitor->out, monitor->err, monitor->pidfd};
	for (size_t i = 0; i < ARRAY_SIZE(candidates); i++)
		if (candidates[i] > WIRE_FD)
			keep[used++] = candidates[i];
	for (int i = 1; i < used; i++)
		for (int k = i; k > 0 && keep[k] < keep[k - 1]; k--) {
			int swap = keep[k];
			keep[k] = keep[k - 1];
			keep[k - 1] = swap;
		}
	unsigned int next = WIRE_FD + 1;
	for (int i = 0; i < used; i++) {
		if ((unsigned int)keep[i] > next)
			close_range(next, (unsigned int)keep[i] - 1, 0);
		next = (unsigned int)keep[i] + 1;
	}
	close_range(next, ~0U, 0);
}

/* Leaves the agent's session and signals; standard streams go nowhere, as they were the agent's. */
static void leave_agent(void)
{
	setsid();
	prctl(PR_SET_NAME, "gantry-monitor");
	const int ignored[] = {SIGHUP, SIGINT, SIGQUIT, SIGTERM, SIGPIPE, SIGUSR1, SIGUSR2, SIGTSTP, SIGTTIN, SIGTTOU};
	for (size_t i = 0; i < ARRAY_SIZE(ignored); i++)
		signal(ignored[i], SIG_IGN);
	sigset_t none;
	sigemptyset(&none);
	sigprocmask(SIG_SETMASK, &none, NULL);
	int null = open("/dev/null", O_RDWR | O_CLOEXEC);
	for (int fd = 0; fd < 3; fd++)
		dup2(null, fd);
	if (null > WIRE_FD)
		close(null);
}

static bool start_process(struct start *start)
{
	struct request *request = start->request;
	char **args = (char **)(void *)start->memory.data;
	struct op_tokens *ops = (struct op_tokens *)(void *)(args + MAX_ARGS);
	start->planned = (struct planned *)(void *)(ops + MAX_OPS);
	int count = args ? ops_parse(request->ops, request->ops_length, args, MAX_ARGS, ops, MAX_OPS) : -1;
	if (count < 0) {
		op_fail(&start->ctx, EINVAL, "malformed plan");
		report_failure(start, "plan", NULL);
		return false;
	}
	if (read_plan(start, sections, ops, count) < 0 || run_phase(start, PREPARE) < 0)
		return false;
	if (monitor_open(&start->ctx, start->monitor) < 0) {
		report_failure(start, "monitor", start->monitor->dir);
		return false;
	}
	return launch(start);
}

_Noreturn void monitor_run(struct request *request, uint64_t received_us)
{
	static struct monitor monitor = {.listener = -1, .ring = -1, .log = -1, .in = -1, .out = -1, .err = -1, .pidfd = -1};
	static struct start start = {
		.user_ns = -1, .net_ns = -1, .enter_pidfd = -1, .root = -1, .proc = -1, .dev = -1, .devpts = -1,
		.empty_dir = -1, .child_stdin = -1, .child_stdout = -1, .child_stderr = -1, .tty_slave = -1, .pty_socket = {-1, -1}, .sync = {-1, -1},
	};
	leave_agent();
	start.request = request;
	start.received_us = received_us;
	start.monitor = &monitor;
	snprintf(monitor.key, sizeof(monitor.key), "%s", request->key);
	start.memory = buf_reserve(MAX_ARGS * sizeof(char *) + MAX_OPS * (sizeof(struct op_tokens) + sizeof(struct planned)));
	snprintf(monitor.dir, sizeof(monitor.dir), "%s", request->dir);
	start.shared = mmap(NULL, sizeof(struct shared), PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
	if (start.shared == MAP_FAILED) {
		wire_error(request->id, "memory", errno, "map a page");
		_exit(0);
	}
	note_step(&start, "monitor", NULL, 0);
	if (!start_process(&start)) {
		monitor_discard(&monitor);
		answer_failed(&start);
		_exit(0);
	}
	keep_only(&start);
	answer_started(&start);
	/* What the start needed is not needed any more, and the process will live as long as the container. */
	buf_release(&start.memory);
	if (start.seccomp)
		munmap(start.seccomp, SECCOMP_BYTES);
	munmap(start.shared, sizeof(struct shared));
	madvise(request->tokens, MAX_FRAME, MADV_DONTNEED);
	monitor_watch(&monitor);
	_exit(0);
}
