/* The log: docker's format, chunks, rotation, a full disk. */
#include <sys/stat.h>
#include <sys/un.h>

#include "check.h"
#include "log.h"

static char dir[] = "/tmp/gantry-test-log-XXXXXX";
static char path[64];
static char content[1 << 20];

static struct log_options options;

static void open_log(struct log *log, long long max_bytes, int max_files)
{
	options.max_bytes = max_bytes;
	options.max_files = max_files;
	snprintf(options.path, sizeof(options.path), "%s", path);
	unlink(path);
	int fd = open(path, O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC, 0600);
	CHECK(fd >= 0 && log_init(log, &options, fd));
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
	options = (struct log_options){.path = "/dev/full", .max_files = 1};
	CHECK(fd >= 0 && log_init(&log, &options, fd));
	write_text(&log, LOG_STDOUT, "a\nb\n");
	CHECK(log.dropped == 2);
	close_log(&log);
}

/* Packed files move along, and a file that is being packed is never taken for another. */
static void test_compression(void)
{
	struct log log;
	struct stat st;
	char name[80];
	options.compress = true;
	open_log(&log, 4096, 4);
	for (int i = 0; i < 300; i++)
		write_text(&log, LOG_STDOUT, "a line of a log that is rotated and packed\n");
	log_finish(&log);
	for (int i = 1; i <= 3; i++) {
		unsigned char magic[2] = {0};
		snprintf(name, sizeof(name), "%s.%d", path, i);
		CHECK(stat(name, &st) < 0);
		snprintf(name, sizeof(name), "%s.%d.gz", path, i);
		int fd = open(name, O_RDONLY | O_CLOEXEC);
		CHECK(fd >= 0 && read(fd, magic, 2) == 2 && magic[0] == 0x1f && magic[1] == 0x8b);
		close(fd);
		unlink(name);
	}
	snprintf(name, sizeof(name), "%s.4.gz", path);
	CHECK(stat(name, &st) < 0);
	options.compress = false;
	close_log(&log);
}

static void test_attributes(void)
{
	struct log log;
	snprintf(options.attrs, sizeof(options.attrs), "\"attrs\":{\"a\":\"b\"},");
	open_log(&log, 0, 1);
	write_text(&log, LOG_STDERR, "x\n");
	CHECK(read_file_at(AT_FDCWD, path, content, sizeof(content)) > 0);
	static const char wanted[] = "{\"attrs\":{\"a\":\"b\"},\"log\":\"x\\n\",\"stream\":\"stderr\",\"time\":\"20";
	CHECK(strncmp(content, wanted, strlen(wanted)) == 0);
	options.attrs[0] = '\0';
	close_log(&log);
}

static int receiver(struct log_remote *remote)
{
	struct sockaddr_un *address = (struct sockaddr_un *)(void *)&remote->address;
	int fd = socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC, 0);
	address->sun_family = AF_UNIX;
	snprintf(address->sun_path, sizeof(address->sun_path), "%s/socket", dir);
	remote->address_length = sizeof(*address);
	remote->fd = -1;
	CHECK(fd >= 0 && bind(fd, (struct sockaddr *)address, sizeof(*address)) == 0);
	return fd;
}

static void received(int fd, const char *wanted_start, const char *wanted_end)
{
	ssize_t n = recv(fd, content, sizeof(content) - 1, MSG_DONTWAIT);
	CHECK(n > 0);
	content[n] = '\0';
	CHECK(strncmp(content, wanted_start, strlen(wanted_start)) == 0);
	CHECK((size_t)n >= strlen(wanted_end) && strcmp(content + n - strlen(wanted_end), wanted_end) == 0);
}

static void test_syslog(void)
{
	struct log log;
	options = (struct log_options){.remote = {.kind = REMOTE_SYSLOG, .format = SYSLOG_LOCAL, .facility = 3, .tag = "web"}};
	int fd = receiver(&options.remote);
	CHECK(log_init(&log, &options, -1));
	char tail[64];
	snprintf(tail, sizeof(tail), " web[%d]: hello", (int)getpid());
	write_text(&log, LOG_STDOUT, "hello\n");
	received(fd, "<30>", tail);
	write_text(&log, LOG_STDERR, "hello\n");
	received(fd, "<27>", tail);
	options.remote.format = SYSLOG_5424;
	snprintf(options.remote.host, sizeof(options.remote.host), "here");
	write_text(&log, LOG_STDOUT, "hello");
	log_finish(&log);
	snprintf(tail, sizeof(tail), "Z here web %d web - hello", (int)getpid());
	received(fd, "<30>1 20", tail);
	/* Nobody listens any more: the line is lost, and counted. */
	close(fd);
	unlink(((struct sockaddr_un *)(void *)&options.remote.address)->sun_path);
	write_text(&log, LOG_STDOUT, "lost\n");
	CHECK(log.dropped == 1);
	close_log(&log);
}

static void test_journal(void)
{
	struct log log;
	options = (struct log_options){.remote = {.kind = REMOTE_JOURNAL, .fields = "CONTAINER_NAME=web\n"}};
	options.remote.fields_length = strlen(options.remote.fields);
	int fd = receiver(&options.remote);
	CHECK(log_init(&log, &options, -1));
	write_text(&log, LOG_STDERR, "hello\n");
	ssize_t n = recv(fd, content, sizeof(content), MSG_DONTWAIT);
	static const char wanted[] = "CONTAINER_NAME=web\nPRIORITY=3\nMESSAGE\n\x05\0\0\0\0\0\0\0hello\n";
	CHECK(n == (ssize_t)sizeof(wanted) - 1 && memcmp(content, wanted, sizeof(wanted) - 1) == 0);
	write_text(&log, LOG_STDOUT, "part");
	log_finish(&log);
	CHECK(recv(fd, content, sizeof(content), MSG_DONTWAIT) > 0 && strstr(content, "CONTAINER_PARTIAL_MESSAGE=true\n"));
	close(fd);
	unlink(((struct sockaddr_un *)(void *)&options.remote.address)->sun_path);
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
	test_compression();
	test_attributes();
	test_full_disk();
	test_syslog();
	test_journal();
	unlink(path);
	return rmdir(dir);
}
