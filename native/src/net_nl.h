/* Building netlink messages and exchanging them with the kernel; see net_nl.c. */
#ifndef GANTRY_NET_NL_H
#define GANTRY_NET_NL_H

#include <linux/netlink.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* One request (or one nf_tables batch). Big enough for the largest batch that one operation may carry. */
#define NL_BUFFER 65536
/* The kernel's own words (extended acknowledgement) are short. */
#define NL_TEXT 192

struct nl_message {
	char bytes[NL_BUFFER] __attribute__((aligned(NLMSG_ALIGNTO)));
	size_t length;  /* used bytes */
	size_t current; /* offset of the message being built */
	bool overflow;  /* something did not fit: nl_talk refuses */
};

/* What went wrong, in the kernel's words where it gave some. */
struct nl_error {
	int number; /* errno, 0 when all went well */
	char text[NL_TEXT];
};

static inline const char *nl_content(const struct nlattr *attribute)
{
	return (const char *)attribute + NLA_HDRLEN;
}

static inline size_t nl_content_length(const struct nlattr *attribute)
{
	return attribute->nla_len - (size_t)NLA_HDRLEN;
}

int nl_open(int protocol);
void nl_reset(struct nl_message *message);
void *nl_begin(struct nl_message *message, uint16_t type, uint16_t flags, size_t header_size);
void nl_put(struct nl_message *message, uint16_t type, const void *data, size_t size);
void nl_put_raw(struct nl_message *message, size_t size);
void nl_put_text(struct nl_message *message, uint16_t type, const char *text);
void nl_put_u32(struct nl_message *message, uint16_t type, uint32_t value);
void nl_put_u8(struct nl_message *message, uint16_t type, uint8_t value);
size_t nl_nest(struct nl_message *message, uint16_t type);
void nl_nest_end(struct nl_message *message, size_t nest);
void nl_index(const char *at, size_t length, const struct nlattr **slots, unsigned count);
int nl_talk(int fd, struct nl_message *message, unsigned expected_acks, struct nl_error *error);
int nl_query(int fd, struct nl_message *message, void (*each)(const struct nlmsghdr *header, void *context), void *context,
	struct nl_error *error);
int nl_dump(int fd, struct nl_message *message, void (*each)(const struct nlmsghdr *header, void *context), void *context,
			struct nl_error *error);

#endif
