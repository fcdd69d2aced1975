/* The log: docker's format, chunks, rotation, a full disk. */
#include <sys/stat.h>

#include "check.h"
#include "log.h"

static char dir[] = "/tmp/gantry-test-log-XXXXXX";
static char path[64];
static char content[1 << 20];

static void open_log(struct log *log, long long max_bytes, int max_files)
{
	unlink(path);
	int fd = open(path, O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC, 0600);
	CHECK(fd >= 0 && log_init(log, path, fd, max_bytes, max_files));
}

static void close_log(struct log *log)
{
	close(log->fd);
	buf_release(&log->out);
	struct buf partial = {.data = log->partial[0].data, .capacity = 2 * LOG_CHUNK};
	buf_release(&partial);
}

static int count(const char *text, const char *what)
{
	int found = 0;
	for (const char *at = text; (at = strstr(at, what)); at++)
		found++;
	return found;
}

static void write_text(struct log *log, int stream, const char *text)
{
	log_write(log, stream, text, strlen(text));
}

static void test_lines(void)
{
	struct log log;
	open_log(&log, 0, 1);
	write_text(&log, LOG_STDOUT, "one\ntw");
	write_text(&log, LOG_STDERR, "err\n");
	write_text(&log, LOG_STDOUT, "o\nrest");
	CHECK(read_file_at(AT_FDCWD, path, content, sizeof(content)) > 0);
	static const char first[] = "{\"log\":\"one\\n\",\"stream\":\"stdout\",\"time\":\"20";
	CHECK(strncmp(content, first, strlen(first)) == 0);
	CHECK(strstr(content, "{\"log\":\"two\\n\",\"stream\":\"stdout\"") && strstr(content, "{\"log\":\"err\\n\",\"stream\":\"stderr\"") && !strstr(content, "rest"));
	log_finish(&log);
	CHECK(read_file_at(AT_FDCWD, path, content, sizeof(content)) > 0);
	CHECK(strstr(content, "{\"log\":\"rest\",\"stream\":\"stdout\"") && count(content, "\n") == 4);
	close_log(&log);
}

static void test_chunks(void)
{
	struct log log;
	static char line[3 * LOG_CHUNK];
	memset(line, '\x01', sizeof(line)); /* the longest escape there is */
	line[sizeof(line) - 1] = '\n';
	open_log(&log, 0, 1);
	/* In pieces that do not fit the chunks. */
	for (size_t at = 0; at < sizeof(line); at += 7000)
		log_write(&log, LOG_STDOUT, line + at, sizeof(line) - at < 7000 ? sizeof(line) - at : 7000);
	CHECK(read_file_at(AT_FDCWD, path, content, sizeof(content)) > 0);
	CHECK(count(content, "\n") == 3 && count(content, "\\n") == 1);
	CHECK(count(content, "\\u0001") == 3 * LOG_CHUNK - 1);
	close_log(&log);
}

static void test_rotation(void)
{
	struct log log;
	struct stat st;
	char old[80];
	open_log(&log, 4096, 2);
	for (int i = 0; i < 200; i++)
		write_text(&log, LOG_STDOUT, "a line of a log that is rotated\n");
	CHECK(stat(path, &st) == 0 && st.st_size <= 4096);
	snprintf(old, sizeof(old), "%s.1", path);
	CHECK(stat(old, &st) == 0 && st.st_size <= 4096 && st.st_size > 3000);
	snprintf(old, sizeof(old), "%s.2", path);
	CHECK(stat(old, &st) < 0);
	snprintf(old, sizeof(old), "%s.1", path);
	unlink(old);
	close_log(&log);
}

static void test_one_file(void)
{
	struct log log;
	struct stat st;
	open_log(&log, 4096, 1);
	for (int i = 0; i < 200; i++)
		write_text(&log, LOG_STDOUT, "a line\n");
	CHECK(stat(path, &st) == 0 && st.st_size <= 4096 && st.st_size > 0);
	close_log(&log);
}

static void test_full_disk(void)
{
	struct log log;
	int fd = open("/dev/full", O_WRONLY | O_CLOEXEC);
	CHECK(fd >= 0 && log_init(&log, "/dev/full", fd, 0, 1));
	write_text(&log, LOG_STDOUT, "a\nb\n");
	CHECK(log.dropped == 2);
	close_log(&log);
}

int main(void)
{
	CHECK(mkdtemp(dir));
	snprintf(path, sizeof(path), "%s/log", dir);
	test_lines();
	test_chunks();
	test_rotation();
	test_one_file();
	test_full_disk();
	unlink(path);
	return rmdir(dir);
}
