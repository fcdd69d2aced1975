/*
 * Netlink without a library: a message buffer, attributes, one exchange with acknowledgements, one dump.
 * Sources: netlink(7), rtnetlink(7), Documentation/userspace-api/netlink in the kernel tree.
 */
#include "net_nl.h"

#include <errno.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

/* Opens a socket in the caller's network namespace; it stays in that namespace for ever. Returns -1 with errno. */
int nl_open(int protocol)
{
	int fd = socket(AF_NETLINK, SOCK_RAW | SOCK_CLOEXEC, protocol);
	if (fd < 0)
		return -1;
	const int one = 1;
	/* Words instead of a bare errno (4.12), and no echo of our own request in the answer (4.3). Both are niceties. */
	(void)setsockopt(fd, SOL_NETLINK, NETLINK_EXT_ACK, &one, sizeof one);
	(void)setsockopt(fd, SOL_NETLINK, NETLINK_CAP_ACK, &one, sizeof one);
	return fd;
}

void nl_reset(struct nl_message *message)
{
	message->length = 0;
	message->current = 0;
	message->overflow = false;
}

static void *reserve(struct nl_message *message, size_t size)
{
	const size_t aligned = NLMSG_ALIGN(size);
	if (message->overflow || aligned > sizeof message->bytes - message->length) {
		message->overflow = true;
		return NULL;
	}
	void *place = message->bytes + message->length;
	memset(place, 0, aligned);
	message->length += aligned;
	return place;
}

static struct nlmsghdr *current_header(struct nl_message *message)
{
	return (struct nlmsghdr *)(void *)(message->bytes + message->current);
}

/* Starts a message behind those already in the buffer and returns its zeroed family header, never NULL. */
void *nl_begin(struct nl_message *message, uint16_t type, uint16_t flags, size_t header_size)
{
	static char sink[256] __attribute__((aligned(NLMSG_ALIGNTO)));
	const size_t start = message->length;
	struct nlmsghdr *header = reserve(message, NLMSG_HDRLEN + header_size);
	if (!header)
		return sink;
	message->current = start;
	header->nlmsg_type = type;
	header->nlmsg_flags = (uint16_t)(NLM_F_REQUEST | flags);
	header->nlmsg_len = (uint32_t)(NLMSG_HDRLEN + header_size);
	header->nlmsg_seq = 1;
	return NLMSG_DATA(header);
}

void nl_put(struct nl_message *message, uint16_t type, const void *data, size_t size)
{
	if (size > UINT16_MAX - NLA_HDRLEN) {
		message->overflow = true;
		return;
	}
	struct nlattr *attribute = reserve(message, NLA_HDRLEN + size);
	if (!attribute)
		return;
	attribute->nla_type = type;
	attribute->nla_len = (uint16_t)(NLA_HDRLEN + size);
	if (size > 0)
		memcpy((char *)attribute + NLA_HDRLEN, data, size);
	current_header(message)->nlmsg_len = (uint32_t)(message->length - message->current);
}

/* Zeroed bytes without an attribute header, for the few nests that carry a struct. */
void nl_put_raw(struct nl_message *message, size_t size)
{
	if (reserve(message, size))
		current_header(message)->nlmsg_len = (uint32_t)(message->length - message->current);
}

void nl_put_text(struct nl_message *message, uint16_t type, const char *text)
{
	nl_put(message, type, text, strlen(text) + 1);
}

void nl_put_u32(struct nl_message *message, uint16_t type, uint32_t value)
{
	nl_put(message, type, &value, sizeof value);
}

void nl_put_u8(struct nl_message *message, uint16_t type, uint8_t value)
{
	nl_put(message, type, &value, sizeof value);
}

/* Opens an attribute that holds attributes; give the result to nl_nest_end. */
size_t nl_nest(struct nl_message *message, uint16_t type)
{
	const size_t start = message->length;
	nl_put(message, type | NLA_F_NESTED, NULL, 0);
	return start;
}

void nl_nest_end(struct nl_message *message, size_t nest)
{
	if (message->overflow)
		return;
	struct nlattr *attribute = (struct nlattr *)(void *)(message->bytes + nest);
	const size_t size = message->length - nest;
	if (size > UINT16_MAX) {
		message->overflow = true;
		return;
	}
	attribute->nla_len = (uint16_t)size;
	current_header(message)->nlmsg_len = (uint32_t)(message->length - message->current);
}

/* Sorts the attributes in `length` bytes by type into `count` slots; absent ones are NULL. Stops at the first that does not fit. */
void nl_index(const char *at, size_t length, const struct nlattr **slots, unsigned count)
{
	memset(slots, 0, count * sizeof *slots);
	while (length >= NLA_HDRLEN) {
		const struct nlattr *attribute = (const struct nlattr *)(const void *)at;
		if (attribute->nla_len < NLA_HDRLEN || attribute->nla_len > length)
			return;
		const unsigned type = attribute->nla_type & NLA_TYPE_MASK;
		if (type < count)
			slots[type] = attribute;
		const size_t step = NLA_ALIGN(attribute->nla_len);
		if (step > length)
			return;
		at += step;
		length -= step;
	}
}

static void read_error_text(const struct nlmsghdr *header, struct nl_error *error)
{
	const struct nlmsgerr *body = NLMSG_DATA(header);
	if (!(header->nlmsg_flags & NLM_F_ACK_TLVS) || !(header->nlmsg_flags & NLM_F_CAPPED))
		return;
	const struct nlattr *found[NLMSGERR_ATTR_MSG + 1];
	const char *at = (const char *)body + NLMSG_ALIGN(sizeof *body);
	nl_index(at, (size_t)((const char *)header + header->nlmsg_len - at), found, NLMSGERR_ATTR_MSG + 1);
	if (!found[NLMSGERR_ATTR_MSG])
		return;
	size_t size = nl_content_length(found[NLMSGERR_ATTR_MSG]);
	if (size > sizeof error->text - 1)
		size = sizeof error->text - 1;
	memcpy(error->text, nl_content(found[NLMSGERR_ATTR_MSG]), size);
	error->text[size] = 0;
}

static int fail(struct nl_error *error, int number)
{
	error->number = number;
	error->text[0] = 0;
	errno = number;
	return -1;
}

static ssize_t receive(int fd, char *buffer, size_t size)
{
	ssize_t got;
	do
		got = recv(fd, buffer, size, 0);
	while (got < 0 && errno == EINTR);
	return got;
}

static int send_all(int fd, struct nl_message *message, struct nl_error *error)
{
	if (message->overflow)
		return fail(error, EMSGSIZE);
	struct sockaddr_nl kernel = {.nl_family = AF_NETLINK};
	if (sendto(fd, message->bytes, message->length, 0, (struct sockaddr *)&kernel, sizeof kernel) < 0)
		return fail(error, errno);
	return 0;
}

/*
 * Sends everything in the buffer and waits for `expected_acks` acknowledgements. The first refusal is the result;
 * later ones of the same buffer are read so that nothing is left in the socket.
 */
int nl_talk(int fd, struct nl_message *message, unsigned expected_acks, struct nl_error *error)
{
	char answer[8192] __attribute__((aligned(NLMSG_ALIGNTO)));
	error->number = 0;
	error->text[0] = 0;
	if (send_all(fd, message, error) < 0)
		return -1;
	while (expected_acks > 0) {
		const ssize_t got = receive(fd, answer, sizeof answer);
		if (got < 0)
			return fail(error, errno);
		int left = (int)got;
		for (struct nlmsghdr *header = (void *)answer; NLMSG_OK(header, left); header = NLMSG_NEXT(header, left)) {
			if (header->nlmsg_type != NLMSG_ERROR)
				continue;
			const struct nlmsgerr *body = NLMSG_DATA(header);
			if (body->error && !error->number) {
				error->number = -body->error;
				read_error_text(header, error);
			}
			if (expected_acks > 0)
				expected_acks--;
		}
		/* A refused nf_tables batch does not acknowledge its other messages on every kernel: do not wait for them. */
		if (error->number)
			break;
	}
	errno = error->number;
	return error->number ? -1 : 0;
}

/* Sends one request with NLM_F_ACK whose answer is a message before the acknowledgement (or the refusal). */
int nl_query(int fd, struct nl_message *message, void (*each)(const struct nlmsghdr *header, void *context), void *context,
	struct nl_error *error)
{
	char answer[16384] __attribute__((aligned(NLMSG_ALIGNTO)));
	error->number = 0;
	error->text[0] = 0;
	if (send_all(fd, message, error) < 0)
		return -1;
	for (;;) {
		const ssize_t got = receive(fd, answer, sizeof answer);
		if (got < 0)
			return fail(error, errno);
		int left = (int)got;
		for (struct nlmsghdr *header = (void *)answer; NLMSG_OK(header, left); header = NLMSG_NEXT(header, left)) {
			if (header->nlmsg_type != NLMSG_ERROR) {
				each(header, context);
				continue;
			}
			const struct nlmsgerr *body = NLMSG_DATA(header);
			return body->error ? fail(error, -body->error) : 0;
		}
	}
}

/* Sends a dump request and calls `each` for every message of the answer. */
int nl_dump(int fd, struct nl_message *message, void (*each)(const struct nlmsghdr *header, void *context), void *context,
			struct nl_error *error)
{
	static char answer[65536] __attribute__((aligned(NLMSG_ALIGNTO)));
	error->number = 0;
	error->text[0] = 0;
	if (send_all(fd, message, error) < 0)
		return -1;
	for (;;) {
		const ssize_t got = receive(fd, answer, sizeof answer);
		if (got < 0)
			return fail(error, errno);
		int left = (int)got;
		for (struct nlmsghdr *header = (void *)answer; NLMSG_OK(header, left); header = NLMSG_NEXT(header, left)) {
			if (header->nlmsg_type == NLMSG_DONE)
				return 0;
			if (header->nlmsg_type == NLMSG_ERROR)
				return fail(error, -((const struct nlmsgerr *)NLMSG_DATA(header))->error);
			each(header, context);
		}
	}
}
