/*
 * gantry-launcher: the agent's small, single-threaded twin that can fork cheaply and safely. It reads requests from
 * descriptor 3 and forks a child for each: a monitor for `start`, a short-lived one for `ops`. It ends when the agent goes;
 * the monitors do not (they left its session and ignore its signals).
 *
 * It runs from a sealed copy of itself in memory. So whatever a process of a container reaches through /proc/PID/exe of a
 * child that has not exec'ed yet, or by naming /proc/self/exe as its command, is that copy, which nobody can write
 * (CVE-2019-5736); and monitors go on when the file on disk is replaced.
 */
#include <poll.h>
#include <signal.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/signalfd.h>
#include <sys/stat.h>
#include <sys/wait.h>

#include "launcher.h"
#include "rcu.h"
#include "sandbox.h"
#include "sealed.h"

static char *frame; /* MAX_FRAME bytes of address space */

/* Children that have not answered their request yet, so that one that dies without a word still gets an answer. */
struct child {
	pid_t pid;
	unsigned long request;
	bool is_monitor;
	char key[80];
};
#define MAX_CHILDREN 8192
static struct child *children; /* address space only; pages are touched as far as slots are used */
static int children_end;

static void remember(pid_t pid, const struct request *request)
{
	int slot = 0;
	while (slot < children_end && children[slot].pid != 0)
		slot++;
	if (slot == MAX_CHILDREN)
		return; /* it only loses the message about a crash */
	if (slot == children_end)
		children_end++;
	children[slot] = (struct child){.pid = pid, .request = request->id, .is_monitor = request->key != NULL};
	if (request->key)
		snprintf(children[slot].key, sizeof(children[slot].key), "%s", request->key);
}

/* A child that ended by itself has answered; one that was killed has not, or may not have: ids already answered are ignored. */
static void report_lost(const struct child *child, int status)
{
	char text[64];
	snprintf(text, sizeof(text), "the helper process was killed by signal %d", WTERMSIG(status));
	wire_error(child->request, child->is_monitor ? "monitor" : "ops", 0, text);
	if (!child->is_monitor)
		return;
	char data[256];
	struct buf line = {.data = data, .capacity = sizeof(data)};
	buf_text(&line, "{\"event\":\"lost\",\"key\":");
	buf_json(&line, child->key, strlen(child->key));
	buf_text(&line, "}\n");
	wire_line(&line);
}

static void reap(void)
{
	int status;
	for (pid_t pid; (pid = waitpid(-1, &status, WNOHANG)) > 0;)
		for (int i = 0; i < children_end; i++)
			if (children[i].pid == pid) {
				if (WIFSIGNALED(status))
					report_lost(&children[i], status);
				children[i].pid = 0;
				break;
			}
}

/* Answers `ops`: results gathered as JSON pairs, sent in lines that each fit into one send. */
struct answer {
	unsigned long id;
	struct buf line;
	bool first;
};

static void answer_open(struct answer *answer)
{
	answer->line.length = 0;
	answer->first = true;
	buf_format(&answer->line, "{\"id\":%lu,\"parts\":[", answer->id);
}

static void answer_part(struct answer *answer, int index, const char *text, size_t length)
{
	/* The longest escape is six bytes for one. */
	const size_t piece = (LINE_BYTES - 256) / 6;
	while (length > 0) {
		size_t n = length < piece ? length : piece;
		while (n < length && n > piece - 4 && ((unsigned char)text[n] & 0xc0) == 0x80)
			n--; /* do not cut a UTF-8 sequence */
		if (answer->line.length + n * 6 + 64 > LINE_BYTES) {
			buf_text(&answer->line, "]}\n");
			wire_line(&answer->line);
			answer_open(answer);
		}
		buf_format(&answer->line, "%s[%d,", answer->first ? "" : ",", index);
		answer->first = false;
		buf_json(&answer->line, text, n);
		buf_text(&answer->line, "]");
		text += n;
		length -= n;
	}
}

/* Runs operations from `from` until the end or the first that belongs to the other process. Returns how many it did, -1 failed. */
static int run_ops(struct request *request, struct op_tokens *ops, int count, int from, struct answer *answer, bool in_launcher)
{
	struct buf results = buf_reserve(1024 * 1024);
	int i = from;
	bool failed = false;
	for (; i < count && !failed; i++) {
		if (in_launcher && !is_sandbox_op(ops[i].args[0]))
			break;
		struct op_ctx ctx = {.op = ops[i].args[0], .results = &results};
		results.length = 0;
		failed = (is_sandbox_op(ctx.op) ? run_sandbox_op : run_host_op)(&ctx, ops[i].args, ops[i].n) < 0;
		if (failed) {
			char step[160];
			snprintf(step, sizeof(step), "%s%s%.120s", ctx.op, ops[i].n > 1 ? " " : "", ops[i].n > 1 ? ops[i].args[1] : "");
			wire_error(request->id, step, ctx.err, ctx.text);
		} else {
			answer_part(answer, i, results.data, results.length);
		}
	}
	buf_release(&results);
	return failed ? -1 : i;
}

static void handle_ops(struct request *request)
{
	static char *args[MAX_ARGS];
	static struct op_tokens ops[MAX_OPS];
	static char line[LINE_BYTES + 64];
	struct answer answer = {.id = request->id, .line = {.data = line, .capacity = sizeof(line)}};
	int count = ops_parse(request->ops, request->ops_length, args, MAX_ARGS, ops, MAX_OPS);
	if (count < 0) {
		wire_error(request->id, "request", EINVAL, "malformed operations");
		return;
	}
	answer_open(&answer);
	int done = run_ops(request, ops, count, 0, &answer, true);
	if (done < 0)
		return;
	pid_t pid = done < count ? fork() : -1;
	if (done < count && pid < 0) {
		wire_error(request->id, "fork", errno, "start a helper process");
		return;
	}
	if (pid > 0) {
		remember(pid, request);
		return;
	}
	if (pid == 0 && run_ops(request, ops, count, done, &answer, false) < 0)
		_exit(0);
	buf_format(&answer.line, "],\"done\":%d}\n", count);
	wire_line(&answer.line);
	if (pid == 0)
		_exit(0);
}

/* The pair of namespaces a start enters belongs to its monitor from then on. */
static void forget_taken_sandbox(struct request *request)
{
	const char *at = request->ops;
	const char *end = request->ops + request->ops_length;
	while (at < end) {
		int count = atoi(at);
		const char *args[2] = {"", ""};
		at += strlen(at) + 1;
		for (int i = 0; i < count && at < end; i++, at += strlen(at) + 1)
			if (i < 2)
				args[i] = at;
		struct sandbox *sandbox = strcmp(args[0], "sandbox") == 0 ? sandbox_find(args[1]) : NULL;
		if (sandbox && args[1][0] != '\0')
			sandbox_forget(sandbox);
	}
}

static void handle_start(struct request *request, uint64_t received_us)
{
	pid_t pid = fork();
	if (pid < 0) {
		wire_error(request->id, "fork", errno, "start a monitor");
		return;
	}
	if (pid == 0)
		monitor_run(request, received_us);
	remember(pid, request);
	forget_taken_sandbox(request);
}

/* Exactly `length` bytes; false at the end of the stream. */
static bool read_exactly(int fd, char *out, size_t length)
{
	while (length > 0) {
		ssize_t n = read(fd, out, length);
		if (n < 0 && errno == EINTR)
			continue;
		if (n <= 0)
			return false;
		out += n;
		length -= (size_t)n;
	}
	return true;
}

static bool handle_frame(void)
{
	uint32_t length;
	struct request request;
	if (!read_exactly(WIRE_FD, (char *)&length, sizeof(length)) || length > MAX_FRAME || !read_exactly(WIRE_FD, frame, length))
		return false;
	uint64_t received_us = now_us();
	if (length == 0 || frame[length - 1] != '\0' || !request_parse(&request, frame, length))
		return false; /* the agent does not speak our language */
	if (strcmp(request.verb, "ops") == 0)
		handle_ops(&request);
	else if (strcmp(request.verb, "start") == 0)
		handle_start(&request, received_us);
	else
		wire_error(request.id, request.verb, ENOSYS, "unknown request");
	if (length > 64 * 1024)
		madvise(frame, MAX_FRAME, MADV_DONTNEED);
	return true;
}

static int loop(void)
{
	sigset_t child_set;
	sigemptyset(&child_set);
	sigaddset(&child_set, SIGCHLD);
	sigprocmask(SIG_BLOCK, &child_set, NULL);
	int signals = signalfd(-1, &child_set, SFD_CLOEXEC | SFD_NONBLOCK);
	struct pollfd fds[] = {{.fd = WIRE_FD, .events = POLLIN}, {.fd = signals, .events = POLLIN}};
	for (;;) {
		if (poll(fds, 2, -1) < 0 && errno != EINTR)
			return 1;
		if (fds[1].revents) {
			struct signalfd_siginfo info;
			while (read(signals, &info, sizeof(info)) > 0)
				;
			reap();
		}
		if (fds[0].revents && !handle_frame())
			return 0;
	}
}

int main(int argc, char **argv)
{
	(void)argc;
	if (fcntl(WIRE_FD, F_GETFD) < 0) {
		fputs("gantry-launcher is started by the agent: descriptor 3 must be its socket\n", stderr);
		return 2;
	}
	run_from_sealed_copy("gantry-launcher", argv);
	/* No memory of ours to look at for anybody but the machine's root, in any child that has not exec'ed yet either. */
	prctl(PR_SET_DUMPABLE, 0);
	prctl(PR_SET_NAME, "gantry-launcher");
	fcntl(WIRE_FD, F_SETFD, FD_CLOEXEC);
	close_range(WIRE_FD + 1, ~0U, 0);
	signal(SIGPIPE, SIG_IGN);
	signal(SIGINT, SIG_IGN);
	umask(022);
	if (chdir("/") < 0)
		return 1;
	frame = buf_reserve(MAX_FRAME).data;
	children = (struct child *)(void *)buf_reserve(sizeof(struct child) * MAX_CHILDREN).data;
	if (!frame || !children)
		return 1;
	rcu_repair();
	return loop();
}
