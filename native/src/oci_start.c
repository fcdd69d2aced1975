/* start: lets the waiting process go on, and tells what became of it. As apps/oci/src/commands/start.ts. */
#include <ctype.h>
#include <poll.h>
#include <signal.h>
#include <stdlib.h>

#include "oci.h"

#define LOOKS_AT_END 1000

struct fifos {
	char start[PATH_MAX];
	char claimed[PATH_MAX];
	char result[PATH_MAX];
};

static void remove_fifos(const struct fifos *fifos)
{
	unlink(fifos->claimed);
	unlink(fifos->result);
}

/* Waits until execve closes the other end; what is read until then is why it could not be. */
static size_t read_result(int fd, char *out, size_t capacity)
{
	struct pollfd wait = {.fd = fd, .events = POLLIN};
	size_t used = 0;
	while (used + 1 < capacity) {
		ssize_t n = read(fd, out + used, capacity - 1 - used);
		if (n == 0)
			break;
		if (n > 0)
			used += (size_t)n;
		else if (errno == EAGAIN)
			poll(&wait, 1, -1);
		else if (errno != EINTR)
			break;
	}
	out[used] = '\0';
	return used;
}

/* STEP ERRNO EXITCODE TEXT; the words of nativeFailure() in kernel/native.ts, by which callers tell failures apart. */
static _Noreturn void fail_by(char *text, size_t length)
{
	const char *tokens[4] = {"", "", "", ""};
	char *at = text;
	for (int i = 0; i < 4 && at < text + length; i++) {
		tokens[i] = at;
		at += strlen(at) + 1;
	}
	char *last = strrchr(tokens[3], ':');
	if (last && last[1] == ' ' && isupper((unsigned char)last[2]))
		last[2] = (char)tolower((unsigned char)last[2]);
	fail_with("%s: %s%s", tokens[0], tokens[3], strcmp(tokens[2], "127") == 0 ? " (executable file not found in $PATH)" : "");
}

int start_verb(char **words, int n)
{
	static struct fifos fifos;
	static char text[8192];
	struct container container;
	if (n != 1 || words[0][0] == '-')
		hand_over();
	if (!load_container(&container, words[0]))
		fail_with("container \"%s\" does not exist", words[0]);
	if (container.poststart)
		hand_over();
	enum status status = container_status(&container);
	if (status != CREATED)
		fail_with("cannot start a container that is %s", status_names[status]);
	path_in(&container, "start.fifo", fifos.start);
	path_in(&container, "start.fifo.claimed", fifos.claimed);
	path_in(&container, "result.fifo", fifos.result);
	signal(SIGPIPE, SIG_IGN); /* a process that died meanwhile is told in words */
	/* Of two starts at once the one whose rename succeeds goes on. */
	if (rename(fifos.start, fifos.claimed) < 0)
		fail_with("cannot start a container that is running");
	fd_auto int result = open(fifos.result, O_RDONLY | O_NONBLOCK | O_CLOEXEC);
	fd_auto int start = open(fifos.claimed, O_WRONLY | O_NONBLOCK | O_CLOEXEC);
	if (result < 0 || start < 0 || write(start, "1", 1) != 1) {
		remove_fifos(&fifos);
		fail_with("the container has ended before it was started");
	}
	close_fd(&start);
	size_t length = read_result(result, text, sizeof(text));
	remove_fifos(&fifos);
	if (length == 0)
		return 0;
	/* It told why, and is on its last steps: whoever hears of the failure may delete it. */
	for (int look = 0; look < LOOKS_AT_END && container_status(&container) != STOPPED; look++)
		sleep_ms(1);
	fail_by(text, length);
}
