#include "wire.h"

#include <stdlib.h>
#include <sys/socket.h>

static const char *next_token(char **at, const char *end)
{
	if (*at >= end)
		return NULL;
	char *nul = memchr(*at, '\0', (size_t)(end - *at));
	if (!nul)
		return NULL;
	const char *token = *at;
	*at = nul + 1;
	return token;
}

bool request_parse(struct request *request, char *tokens, size_t length)
{
	char *at = tokens;
	const char *end = tokens + length;
	*request = (struct request){.tokens = tokens, .length = length};
	const char *id = next_token(&at, end);
	long long number = 0;
	if (!id || !parse_number(id, 0, INT64_MAX, &number))
		return false;
	request->id = (unsigned long)number;
	request->verb = next_token(&at, end);
	if (!request->verb)
		return false;
	if (strcmp(request->verb, "start") == 0) {
		request->key = next_token(&at, end);
		request->dir = next_token(&at, end);
		if (!request->key || !request->dir)
			return false;
	}
	request->ops = at;
	request->ops_length = (size_t)(end - at);
	return true;
}

int ops_parse(char *tokens, size_t length, char **args, size_t max_args, struct op_tokens *ops, size_t max_ops)
{
	char *at = tokens;
	const char *end = tokens + length;
	size_t used = 0;
	size_t count = 0;
	while (at < end) {
		const char *head = next_token(&at, end);
		long long n = 0;
		if (!head || !parse_number(head, 1, (long long)max_args, &n) || used + (size_t)n > max_args || count == max_ops)
			return -1;
		ops[count++] = (struct op_tokens){.args = args + used, .n = (int)n};
		for (long long i = 0; i < n; i++) {
			const char *token = next_token(&at, end);
			if (!token)
				return -1;
			args[used++] = (char *)token;
		}
	}
	return (int)count;
}

static int send_line(const struct buf *line, int flags)
{
	for (;;) {
		ssize_t n = send(WIRE_FD, line->data, line->length, MSG_NOSIGNAL | flags);
		if (n >= 0)
			return 1;
		if (errno == EINTR)
			continue;
		return errno == EAGAIN || errno == EWOULDBLOCK ? 0 : -1;
	}
}

bool wire_line(const struct buf *line)
{
	return send_line(line, 0) == 1;
}

int wire_line_now(const struct buf *line)
{
	return send_line(line, MSG_DONTWAIT);
}

void wire_error(unsigned long id, const char *step, int err, const char *text)
{
	char data[4096];
	struct buf line = {.data = data, .capacity = sizeof(data)};
	buf_format(&line, "{\"id\":%lu,\"error\":{\"step\":", id);
	buf_json(&line, step, strlen(step));
	buf_format(&line, ",\"errno\":\"%s\",\"text\":", err ? errno_name(err) : "");
	char words[768];
	snprintf(words, sizeof(words), "%s%s%s", text, err ? ": " : "", err ? strerrordesc_np(err) ? strerrordesc_np(err) : "error" : "");
	buf_json(&line, words, strlen(words));
	buf_text(&line, "}}\n");
	wire_line(&line);
}
