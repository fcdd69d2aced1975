/*
 * Output of a watched process, and its end. At the end, in this order: rest of the output to the log, exit.json, its fsynced copy,
 * the word to the agent, the viewers.
 */
#include <signal.h>
#include <stdlib.h>
#include <sys/ioctl.h>
#include <sys/wait.h>

#include "monitor_watch.h"
#include "wire.h"

static void take_output(struct watch *watch, int stream, size_t length)
{
	watch->busy = true;
	log_write(&watch->log, stream, watch->chunk, length);
	ring_write(&watch->ring, stream == LOG_STDOUT ? 'O' : 'E', watch->chunk, length);
}

bool watch_read_output(struct watch *watch, int *fd, int stream)
{
	if (*fd < 0)
		return false;
	ssize_t n = read(*fd, watch->chunk, CHUNK);
	if (n < 0 && errno == EINTR)
		return true;
	if (n < 0 && errno == EAGAIN)
		return false;
	if (n <= 0) { /* end of a pipe; EIO: nobody has the terminal open */
		if (!watch->monitor->tty)
			close_fd(fd);
		return false;
	}
	take_output(watch, stream, (size_t)n);
	return true;
}

long long oom_kills(const char *file)
{
	char text[1024];
	if (read_file_at(AT_FDCWD, file, text, sizeof(text)) < 0)
		return 0;
	/* "oom_kill N" is a line of memory.oom_control (v1, Linux 4.13) and of memory.events (v2). */
	for (char *line = text; line; line = strchr(line, '\n') ? strchr(line, '\n') + 1 : NULL)
		if (strncmp(line, "oom_kill ", 9) == 0)
			return atoll(line + 9);
	return 0;
}

static void write_record(const struct watch *watch)
{
	const struct monitor *monitor = watch->monitor;
	char path[256];
	/* A record is whole when it ends in a newline; whoever reads it takes one without for absent. */
	snprintf(path, sizeof(path), "%s/exit.json", monitor->dir);
	fd_auto int fd = open(path, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC | O_NOFOLLOW, 0600);
	if (fd >= 0 && write_all(fd, watch->record, watch->record_length) < 0)
		unlink(path);
	if (monitor->exit_file[0] == '\0')
		return;
	fd_auto int copy = open(monitor->exit_file, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC | O_NOFOLLOW, 0600);
	if (copy >= 0 && write_all(copy, watch->record, watch->record_length) == 0)
		fsync(copy);
}

static void make_record(struct watch *watch, const siginfo_t *info)
{
	const struct monitor *monitor = watch->monitor;
	char time[31];
	bool killed = info->si_code == CLD_KILLED || info->si_code == CLD_DUMPED;
	bool oom = monitor->oom_file[0] && oom_kills(monitor->oom_file) > monitor->oom_before;
	now_rfc3339(time);
	struct buf record = {.data = watch->record, .capacity = sizeof(watch->record)};
	buf_text(&record, "{\"event\":\"exit\",\"key\":");
	buf_json(&record, monitor->key, strlen(monitor->key));
	buf_format(&record, ",\"exitCode\":%d,\"signal\":%d,\"oomKilled\":%s,\"finishedAt\":\"%s\",\"outputBytes\":%llu,\"logDropped\":%llu}\n",
		   killed ? 128 + info->si_status : info->si_status, killed ? info->si_status : 0, oom ? "true" : "false", time,
		   (unsigned long long)watch->ring.output_bytes, watch->log.dropped);
	watch->record_length = record.length;
}

void watch_tell_agent(struct watch *watch)
{
	struct buf line = {.data = watch->record, .length = watch->record_length, .capacity = sizeof(watch->record)};
	watch->event_pending = wire_line_now(&line) == 0;
}

static size_t waiting_output(int fd)
{
	int bytes = 0;
	return fd >= 0 && ioctl(fd, FIONREAD, &bytes) == 0 && bytes > 0 ? (size_t)bytes : 0;
}

static void read_rest(struct watch *watch, int fd, int stream, size_t left)
{
	while (left > 0) {
		ssize_t n = read(fd, watch->chunk, left < CHUNK ? left : CHUNK);
		if (n < 0 && errno == EINTR)
			continue;
		if (n <= 0)
			return;
		take_output(watch, stream, (size_t)n);
		left -= (size_t)n;
	}
}

static void read_pipes(struct watch *watch)
{
	const struct monitor *monitor = watch->monitor;
	size_t out = waiting_output(monitor->out);
	size_t err = waiting_output(monitor->err);
	/* Viewers have time: what they have not taken yet stays, beyond what the ring holds of a running process. */
	ring_grow(&watch->ring, out + err);
	read_rest(watch, monitor->out, LOG_STDOUT, out);
	read_rest(watch, monitor->err, LOG_STDERR, err);
}

void watch_handle_exit(struct watch *watch)
{
	struct monitor *monitor = watch->monitor;
	siginfo_t info = {0};
	if (waitid(P_PID, (id_t)monitor->pid, &info, WEXITED) < 0)
		return;
	watch->exited = true;
	/* Who connected before the end gets what comes before it. */
	watch_accept_viewers(watch);
	/* What the process wrote before its end is in the pipes; what its children still write is not waited for. */
	if (watch->hold_until_us && watch->ring.framed)
		ring_open_memory(&watch->ring);
	if (monitor->tty)
		for (int rounds = 0; rounds < 64 && watch_read_output(watch, &monitor->out, LOG_STDOUT); rounds++)
			;
	else
		read_pipes(watch);
	log_finish(&watch->log);
	make_record(watch, &info);
	write_record(watch);
	watch_tell_agent(watch);
	if (!monitor->tty)
		close_fd(&monitor->in);
	close_fd(&monitor->pidfd);
}

/*
 * Something is left to do after the end while a viewer has not seen everything, or one is still expected. One that sends input may be
 * doing so right now: closing before it has left would fail its write, and with that what it has not read yet.
 */
bool watch_is_over(struct watch *watch)
{
	if (!watch->exited || watch->event_pending)
		return false;
	if (watch->expect_until_us && now_us() < watch->expect_until_us)
		return false; /* it wants at least the exit code */
	for (int i = 0; i < MAX_VIEWERS; i++) {
		const struct viewer *viewer = &watch->viewers[i];
		if (viewer->fd >= 0 && !viewer->told_exit && (viewer->attached || viewer->undecided || viewer->asked_status || viewer->header_used > 0))
			return false;
		if (viewer->fd >= 0 && viewer->input && now_us() < watch->leave_until_us)
			return false;
	}
	return true;
}
