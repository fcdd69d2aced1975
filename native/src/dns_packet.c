/* A question and its answer as bytes. RFC 1035, RFC 6891 (EDNS). Nothing here trusts a length that the message names. */
#include "dns.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/random.h>

#include "core.h"

enum { HEADER = 12, FIXED = 10, MOST_ADDRESSES = 1024 };
enum { RESPONSE = 0x80, OPCODE = 0x78, TRUNCATED = 0x02, RECURSION_DESIRED = 0x01, RECURSION_AVAILABLE = 0x80 };
/* Seconds. Short: a container's address changes when it starts again. */
enum { TTL = 5 };

static unsigned get16(const unsigned char *at)
{
	return (unsigned)at[0] << 8 | at[1];
}

static void put16(unsigned char *at, unsigned value)
{
	at[0] = (unsigned char)(value >> 8);
	at[1] = (unsigned char)value;
}

void fill_random(void *bytes, size_t length)
{
	static unsigned char pool[256];
	static size_t left;
	for (size_t i = 0; i < length; i++) {
		if (left == 0 && (left = (size_t)getrandom(pool, sizeof pool, 0)) > sizeof pool)
			abort(); /* Never guess an id. */
		((unsigned char *)bytes)[i] = pool[--left];
	}
}

static char lower(unsigned char c)
{
	return (char)(c >= 'A' && c <= 'Z' ? c + 32 : c);
}

/* A name without compression, as text; the offset behind it, or 0 when it is none. A label with a dot in it matches no name of ours. */
static size_t read_name(const unsigned char *message, size_t length, size_t at, char *out)
{
	size_t written = 0;
	for (;;) {
		if (at >= length || message[at] > 63)
			return 0;
		const size_t label = message[at++];
		if (label == 0)
			break;
		if (label > length - at || written + label + 1 > NAME_MAX_BYTES - 1)
			return 0;
		if (written > 0)
			out[written++] = '.';
		for (size_t i = 0; i < label; i++) {
			const unsigned char c = message[at + i];
			out[written++] = c <= ' ' || c == '.' || c >= 127 ? '\x7f' : lower(c);
		}
		at += label;
	}
	out[written] = 0;
	return at;
}

/* The offset behind a name that may be compressed, or 0. */
static size_t skip_name(const unsigned char *message, size_t length, size_t at)
{
	while (at < length) {
		const unsigned char label = message[at];
		if (label == 0)
			return at + 1;
		if (label >= 0xc0)
			return at + 2 <= length ? at + 2 : 0;
		if (label > 63)
			return 0;
		at += label + 1u;
	}
	return 0;
}

/* Looks for EDNS among the records behind the question. */
static void read_edns(const unsigned char *message, size_t length, struct question *question)
{
	const unsigned records = get16(message + 6) + get16(message + 8) + get16(message + 10);
	size_t at = question->end;
	for (unsigned i = 0; i < records; i++) {
		at = skip_name(message, length, at);
		if (at == 0 || length - at < FIXED)
			return;
		if (get16(message + at) == TYPE_OPT) {
			question->has_edns = true;
			question->udp = get16(message + at + 2);
			return;
		}
		const size_t data = get16(message + at + 8);
		if (data > length - at - FIXED)
			return;
		at += FIXED + data;
	}
}

static bool read_question(const unsigned char *message, size_t length, struct question *question)
{
	const size_t end = read_name(message, length, HEADER, question->name);
	if (end == 0 || length - end < 4)
		return false;
	question->type = get16(message + end);
	question->class = get16(message + end + 2);
	question->end = end + 4;
	read_edns(message, length, question);
	if (question->udp < PLAIN_UDP)
		question->udp = PLAIN_UDP;
	if (question->udp > LARGEST_UDP)
		question->udp = LARGEST_UDP;
	return true;
}

/* Header and question of an answer; its length. With `end` at the header's, it repeats no question. */
static size_t begin_answer(const unsigned char *message, size_t end, enum rcode code, unsigned char *out)
{
	memcpy(out, message, end);
	out[2] = (unsigned char)(RESPONSE | (message[2] & (OPCODE | RECURSION_DESIRED)));
	out[3] = (unsigned char)(RECURSION_AVAILABLE | code);
	put16(out + 4, end > HEADER);
	memset(out + 6, 0, 6);
	return end;
}

static size_t put_edns(unsigned char *out, size_t length)
{
	static const unsigned char record[] = {0, 0, TYPE_OPT, LARGEST_UDP >> 8, LARGEST_UDP & 0xff, 0, 0, 0, 0, 0, 0};
	memcpy(out + length, record, sizeof record);
	put16(out + 10, 1);
	return length + sizeof record;
}

size_t dns_refuse(const unsigned char *message, const struct question *question, enum rcode code, unsigned char *out)
{
	const size_t length = begin_answer(message, question->end, code, out);
	return question->has_edns ? put_edns(out, length) : length;
}

/* A record whose name is the question's. */
static size_t put_record(unsigned char *out, size_t length, unsigned type, const void *data, size_t size)
{
	unsigned char *at = out + length;
	put16(at, 0xc000 | HEADER);
	put16(at + 2, type);
	put16(at + 4, 1);
	put16(at + 6, 0);
	put16(at + 8, TTL);
	put16(at + 10, (unsigned)size);
	memcpy(at + 12, data, size);
	put16(out + 6, get16(out + 6) + 1);
	return length + 12 + size;
}

static size_t finish(const struct question *question, bool tcp, unsigned char *out, size_t length)
{
	const size_t edns = question->has_edns ? 11 : 0;
	if (!tcp && length + edns > question->udp) {
		length = question->end;
		out[2] |= TRUNCATED;
		put16(out + 6, 0);
	}
	return question->has_edns ? put_edns(out, length) : length;
}

/* So that several containers with one alias share the load. */
static void shuffle(struct ip *ips, int count)
{
	for (int i = count - 1; i > 0; i--) {
		uint32_t random;
		fill_random(&random, sizeof random);
		const int j = (int)(random % (unsigned)(i + 1));
		const struct ip kept = ips[i];
		ips[i] = ips[j];
		ips[j] = kept;
	}
}

/* The address that a name below in-addr.arpa or ip6.arpa is about. */
static bool parse_reverse(const char *name, struct ip *out)
{
	unsigned b[4];
	int end = 0;
	if (sscanf(name, "%3u.%3u.%3u.%3u.in-addr.arpa%n", &b[3], &b[2], &b[1], &b[0], &end) == 4 && end > 0 && !name[end]) {
		*out = (struct ip){.length = 4};
		for (int i = 0; i < 4; i++) {
			if (b[i] > 255)
				return false;
			out->bytes[i] = (unsigned char)b[i];
		}
		return true;
	}
	if (strlen(name) != 32 * 2 + 8 || strcmp(name + 64, "ip6.arpa") != 0)
		return false;
	*out = (struct ip){.length = 16};
	for (int i = 0; i < 32; i++) {
		const char c = name[2 * i];
		const int digit = c >= '0' && c <= '9' ? c - '0' : c >= 'a' && c <= 'f' ? c - 'a' + 10 : -1;
		if (digit < 0 || name[2 * i + 1] != '.')
			return false;
		out->bytes[15 - i / 2] |= (unsigned char)(digit << (i % 2 * 4));
	}
	return true;
}

/* Text with dots as a name in a record; its length. */
static size_t encode_name(const char *text, unsigned char *out)
{
	size_t length = 0;
	while (*text) {
		const size_t label = strcspn(text, ".");
		if (label == 0 || label > 63 || length + label + 2 > NAME_MAX_BYTES)
			break;
		out[length++] = (unsigned char)label;
		memcpy(out + length, text, label);
		length += label;
		text += label + (text[label] == '.');
	}
	out[length++] = 0;
	return length;
}

static enum verdict decide_pointer(const struct client *client, const unsigned char *message, const struct question *question, bool tcp,
	unsigned char *out, size_t *out_length)
{
	struct ip ip;
	if (!parse_reverse(question->name, &ip))
		return FORWARD;
	const char *name = reverse(client, &ip);
	if (!name && !in_subnets(&ip))
		return FORWARD;
	if (!name) {
		*out_length = dns_refuse(message, question, NAME_ERROR, out);
		return ANSWER;
	}
	unsigned char encoded[NAME_MAX_BYTES + 1];
	const size_t size = encode_name(name, encoded);
	const size_t length = put_record(out, begin_answer(message, question->end, NO_ERROR, out), TYPE_PTR, encoded, size);
	*out_length = finish(question, tcp, out, length);
	return ANSWER;
}

/*
 * Names and addresses of the client's networks are answered here, everything else is other servers' business. A single label that no
 * container has is answered with "no such name": forwarding it would tell strangers the names that containers look for.
 */
static enum verdict decide_name(const struct client *client, const unsigned char *message, const struct question *question, bool tcp,
	unsigned char *out, size_t *out_length)
{
	static struct ip ips[MOST_ADDRESSES];
	const int count = lookup(client, question->name, ips, MOST_ADDRESSES);
	/* The root has no label at all. */
	if (count < 0 && (!question->name[0] || strchr(question->name, '.')))
		return FORWARD;
	if (count < 0) {
		*out_length = dns_refuse(message, question, NAME_ERROR, out);
		return ANSWER;
	}
	shuffle(ips, count);
	size_t length = begin_answer(message, question->end, NO_ERROR, out);
	for (int i = 0; i < count; i++)
		if (question->type == (ips[i].length == 4 ? TYPE_A : TYPE_AAAA))
			length = put_record(out, length, question->type, ips[i].bytes, ips[i].length);
	*out_length = finish(question, tcp, out, length);
	return ANSWER;
}

enum verdict dns_decide(const struct client *client, const unsigned char *message, size_t length, bool tcp, struct question *question,
	unsigned char *out, size_t *out_length)
{
	*question = (struct question){.end = HEADER, .udp = PLAIN_UDP};
	if (length < HEADER || (message[2] & RESPONSE))
		return DROP;
	const bool other = (message[2] & OPCODE) != 0;
	if (other || get16(message + 4) != 1 || !read_question(message, length, question)) {
		*question = (struct question){.end = HEADER, .udp = PLAIN_UDP};
		*out_length = dns_refuse(message, question, other ? NOT_IMPLEMENTED : FORMAT_ERROR, out);
		return ANSWER;
	}
	if (question->class != 1) {
		*out_length = dns_refuse(message, question, NOT_IMPLEMENTED, out);
		return ANSWER;
	}
	return (question->type == TYPE_PTR ? decide_pointer : decide_name)(client, message, question, tcp, out, out_length);
}

bool dns_answers(const unsigned char *answer, size_t length, const unsigned char *asked, size_t asked_length)
{
	struct question ours = {0}, theirs = {0};
	if (length < HEADER || !(answer[2] & RESPONSE) || memcmp(answer, asked, 2) != 0 || !read_question(asked, asked_length, &ours))
		return false;
	return get16(answer + 4) == 1 && read_question(answer, length, &theirs) && ours.end == theirs.end && ours.type == theirs.type &&
		ours.class == theirs.class && strcmp(ours.name, theirs.name) == 0;
}
