#include "log.h"

#include <sys/mman.h>
#include <sys/stat.h>
#include <sys/wait.h>

/* A chunk of nothing but control characters takes six bytes for each. */
#define OUT_BYTES (256 * 1024)
#define FLUSH_AT (OUT_BYTES - 6 * LOG_CHUNK - 4096 - 256)

static bool is_kept(const struct log *log)
{
	return log->fd >= 0 || (log->options && log->options->remote.kind != REMOTE_NONE);
}

bool log_init(struct log *log, struct log_options *options, int fd)
{
	struct stat st;
	*log = (struct log){.path = options->path, .fd = fd, .max_bytes = options->max_bytes, .max_files = options->max_files, .options = options};
	if (!is_kept(log))
		return true;
	log->size = fstat(fd, &st) == 0 ? st.st_size : 0;
	log->out = buf_reserve(OUT_BYTES);
	char *partial = buf_reserve(2 * LOG_CHUNK).data;
	if (!log->out.data || !partial)
		return false;
	log->partial[LOG_STDOUT].data = partial;
	log->partial[LOG_STDERR].data = partial + LOG_CHUNK;
	return true;
}

/* gzip takes its file away when it is done, by name: so no other may have got that name meanwhile. */
static void end_compressing(struct log *log)
{
	if (log->compressing > 0)
		while (waitpid(log->compressing, NULL, 0) < 0 && errno == EINTR)
			;
	log->compressing = 0;
}

/* By the host's gzip; without one the file stays as it is. */
static void compress(struct log *log, const char *path)
{
	log->compressing = fork();
	if (log->compressing == 0) {
		char *const env[] = {(char[]){"PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"}, NULL};
		execvpe("gzip", (char *const[]){(char[]){"gzip"}, (char[]){"-qf"}, (char[]){"--"}, (char *)(uintptr_t)path, NULL}, env);
		_exit(127);
	}
}

/* Plain and packed files keep their places; where both are, packing was cut off and the plain one is whole. */
static void move(const struct log *log, int to)
{
	char from_name[560], to_name[560], from_packed[570], to_packed[570];
	snprintf(to_name, sizeof(to_name), "%s.%d", log->path, to);
	snprintf(from_name, sizeof(from_name), to > 1 ? "%s.%d" : "%s", log->path, to - 1);
	snprintf(from_packed, sizeof(from_packed), "%s.gz", from_name);
	snprintf(to_packed, sizeof(to_packed), "%s.gz", to_name);
	bool packed = to > 1 && rename(from_packed, to_packed) == 0;
	if (rename(from_name, to_name) == 0)
		unlink(to_packed);
	else if (packed)
		unlink(to_name);
}

/* log -> log.1 -> log.2 …, the oldest goes; with one file only, it starts over. */
static void rotate(struct log *log)
{
	end_compressing(log);
	for (int i = log->max_files - 1; i >= 1; i--)
		move(log, i);
	int fd = open(log->path, O_WRONLY | O_CREAT | O_APPEND | O_TRUNC | O_CLOEXEC | O_NOFOLLOW, 0640);
	if (fd < 0)
		return; /* the old file goes on, and is tried again at the next line */
	close(log->fd);
	log->fd = fd;
	log->size = 0;
	if (log->options->compress && log->max_files > 1) {
		char packed[560];
		snprintf(packed, sizeof(packed), "%s.1", log->path);
		compress(log, packed);
	}
}

static unsigned long long count_lines(const struct buf *out)
{
	unsigned long long lines = 0;
	for (size_t i = 0; i < out->length; i++)
		lines += out->data[i] == '\n';
	return lines;
}

static void flush(struct log *log)
{
	struct buf *out = &log->out;
	if (out->length == 0)
		return;
	if (log->max_bytes > 0 && log->size > 0 && log->size + (long long)out->length > log->max_bytes)
		rotate(log);
	if (write_all(log->fd, out->data, out->length) < 0) {
		log->dropped += count_lines(out);
		/* No half a line stays behind. */
		if (ftruncate(log->fd, log->size) < 0)
			log->size = lseek(log->fd, 0, SEEK_END);
	} else {
		log->size += (long long)out->length;
	}
	out->length = 0;
}

static void emit(struct log *log, int stream, const char *time, const char *head, size_t head_length, const char *tail, size_t tail_length)
{
	struct buf *out = &log->out;
	size_t before = out->length;
	if (log->options->remote.kind != REMOTE_NONE) {
		bool partial = tail_length > 0 ? tail[tail_length - 1] != '\n' : head_length > 0 && head[head_length - 1] != '\n';
		log->dropped += !remote_line(&log->options->remote, stream, partial, head, head_length, tail, tail_length);
		return;
	}
	buf_text(out, "{");
	buf_text(out, log->options->attrs);
	buf_text(out, "\"log\":\"");
	buf_json_inner(out, head, head_length);
	buf_json_inner(out, tail, tail_length);
	buf_text(out, stream == LOG_STDOUT ? "\",\"stream\":\"stdout\",\"time\":\"" : "\",\"stream\":\"stderr\",\"time\":\"");
	buf_bytes(out, time, 30);
	buf_text(out, "\"}\n");
	/* A file is never longer than max_bytes because of what waits in the buffer. */
	if (log->max_bytes > 0 && before > 0 && log->size + (long long)out->length > log->max_bytes) {
		size_t line = out->length - before;
		out->length = before;
		flush(log);
		memmove(out->data, out->data + before, line);
		out->length = line;
	}
	if (out->length >= FLUSH_AT)
		flush(log);
}

void log_write(struct log *log, int stream, const char *bytes, size_t length)
{
	char time[31];
	if (!is_kept(log))
		return;
	now_rfc3339(time);
	while (length > 0) {
		char *partial = log->partial[stream].data;
		size_t *held = &log->partial[stream].length;
		size_t room = LOG_CHUNK - *held;
		const char *newline = memchr(bytes, '\n', length < room ? length : room);
		size_t take = newline ? (size_t)(newline - bytes) + 1 : length < room ? length : room;
		if (!newline && take < room) {
			memcpy(partial + *held, bytes, take);
			*held += take;
			break;
		}
		emit(log, stream, time, partial, *held, bytes, take);
		*held = 0;
		bytes += take;
		length -= take;
	}
	flush(log);
}

void log_finish(struct log *log)
{
	char time[31];
	if (!is_kept(log))
		return;
	now_rfc3339(time);
	for (int stream = 0; stream < 2; stream++)
		if (log->partial[stream].length > 0) {
			emit(log, stream, time, log->partial[stream].data, log->partial[stream].length, "", 0);
			log->partial[stream].length = 0;
		}
	flush(log);
	end_compressing(log);
}

void log_idle(struct log *log)
{
	if (!is_kept(log))
		return;
	madvise(log->out.data, OUT_BYTES, MADV_DONTNEED);
	if (log->partial[0].length == 0 && log->partial[1].length == 0)
		madvise(log->partial[0].data, 2 * LOG_CHUNK, MADV_DONTNEED);
}
