/* gantry-dns: answers of the table, what is refused, and messages that were damaged in every way, under the sanitizers. */
#include <arpa/inet.h>
#include <stdlib.h>
#include <string.h>

#include "check.h"
#include "dns.h"

static unsigned char out[MESSAGE_MAX];
static size_t out_length;
static struct question question;

/* A question as bytes; `edns` is the size that it offers, 0 for none. */
static size_t ask(unsigned char *message, const char *name, unsigned type, unsigned edns)
{
	static const unsigned char header[12] = {0x12, 0x34, 1, 0, 0, 1, 0, 0, 0, 0, 0, 0};
	memcpy(message, header, sizeof header);
	message[11] = edns > 0;
	size_t length = sizeof header;
	while (*name) {
		const size_t label = strcspn(name, ".");
		message[length++] = (unsigned char)label;
		memcpy(message + length, name, label);
		length += label;
		name += label + (name[label] == '.');
	}
	const unsigned char tail[] = {0, (unsigned char)(type >> 8), (unsigned char)type, 0, 1};
	memcpy(message + length, tail, sizeof tail);
	length += sizeof tail;
	if (edns) {
		const unsigned char opt[] = {0, 0, 41, (unsigned char)(edns >> 8), (unsigned char)edns, 0, 0, 0, 0, 0, 0};
		memcpy(message + length, opt, sizeof opt);
		length += sizeof opt;
	}
	return length;
}

static enum verdict decide(const struct client *client, const char *name, unsigned type, unsigned edns, bool tcp)
{
	unsigned char message[512];
	return dns_decide(client, message, ask(message, name, type, edns), tcp, &question, out, &out_length);
}

static unsigned code(void)
{
	return out[3] & 15u;
}

static unsigned answers(void)
{
	return (unsigned)out[6] << 8 | out[7];
}

static void fill_table(void)
{
	CHECK(place_put(client_add("web"), "back", "web.back", "10.0.0.2,fd00::2", "web,www,web.back") == 0);
	CHECK(place_put(client_add("me"), "back", "me.back", "10.0.0.3", "me,www,me.back") == 0);
	CHECK(place_put(client_add("far"), "other", "far.other", "10.1.0.2", "far,web") == 0);
	client_find("me")->links = strdup("other/x/far,back/db/web");
	CHECK(table_subnets("10.0.0.0/23,fd00::/64") == 0);
}

static void test_answers(void)
{
	const struct client *me = client_find("me");
	CHECK(decide(me, "WEB", TYPE_A, 0, false) == ANSWER && code() == NO_ERROR && answers() == 1);
	CHECK(memcmp(out + out_length - 4, "\x0a\0\0\x02", 4) == 0);
	CHECK(out[0] == 0x12 && out[1] == 0x34 && (out[2] & 0x80));
	CHECK(decide(me, "web", TYPE_AAAA, 0, false) == ANSWER && answers() == 1);
	CHECK(decide(me, "www", TYPE_A, 0, false) == ANSWER && answers() == 2);
	CHECK(decide(me, "me", TYPE_AAAA, 0, false) == ANSWER && code() == NO_ERROR && answers() == 0);
	CHECK(decide(me, "web.back", 15, 0, false) == ANSWER && code() == NO_ERROR && answers() == 0);
	CHECK(decide(me, "db", TYPE_A, 0, false) == ANSWER && answers() == 1);
	/* Not on that network, so the name is not known there. */
	CHECK(decide(me, "x", TYPE_A, 0, false) == ANSWER && code() == NAME_ERROR);
	CHECK(decide(me, "far", TYPE_A, 0, false) == ANSWER && code() == NAME_ERROR);
	CHECK(decide(client_find("web"), "db", TYPE_A, 0, false) == ANSWER && code() == NAME_ERROR);
	CHECK(decide(me, "example.org", TYPE_A, 0, false) == FORWARD);
	CHECK(decide(me, "", 2, 0, false) == FORWARD);
}

static void test_pointers(void)
{
	const struct client *me = client_find("me");
	CHECK(decide(me, "2.0.0.10.in-addr.arpa", TYPE_PTR, 0, false) == ANSWER && answers() == 1);
	CHECK(memcmp(out + out_length - 10, "\3web\4back", 10) == 0);
	CHECK(decide(me, "9.1.0.10.in-addr.arpa", TYPE_PTR, 0, false) == ANSWER && code() == NAME_ERROR);
	/* Of another network: neither known nor ours to hide. */
	CHECK(decide(me, "2.0.1.10.in-addr.arpa", TYPE_PTR, 0, false) == FORWARD);
	CHECK(decide(me, "2.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.d.f.ip6.arpa", TYPE_PTR, 0, false) == ANSWER);
	CHECK(answers() == 1);
	CHECK(decide(me, "300.0.0.10.in-addr.arpa", TYPE_PTR, 0, false) == FORWARD);
}

static void test_sizes(void)
{
	char names[24], address[24];
	for (int i = 0; i < 100; i++) {
		snprintf(names, sizeof names, "many%d", i);
		snprintf(address, sizeof address, "10.0.1.%d", i);
		CHECK(place_put(client_add(names), "back", "many", address, "many") == 0);
	}
	const struct client *me = client_find("me");
	CHECK(decide(me, "many", TYPE_A, 0, false) == ANSWER && answers() == 0 && (out[2] & 2) && out_length <= PLAIN_UDP);
	CHECK(decide(me, "many", TYPE_A, 4096, false) == ANSWER && answers() == 100 && !(out[2] & 2) && out[11] == 1);
	CHECK(decide(me, "many", TYPE_A, 0, true) == ANSWER && answers() == 100);
	/* The order changes, so that all get their share. */
	unsigned char first[4];
	memcpy(first, out + question.end + 12, 4);
	int others = 0;
	for (int i = 0; i < 50; i++) {
		CHECK(decide(me, "many", TYPE_A, 0, true) == ANSWER);
		others += memcmp(first, out + question.end + 12, 4) != 0;
	}
	CHECK(others > 0);
	for (int i = 0; i < 100; i++) {
		snprintf(names, sizeof names, "many%d", i);
		client_drop(client_find(names));
	}
	CHECK(decide(me, "many", TYPE_A, 0, true) == ANSWER && code() == NAME_ERROR);
}

static void test_refusals(void)
{
	const struct client *me = client_find("me");
	unsigned char message[512];
	const size_t length = ask(message, "web", TYPE_A, 0);
	CHECK(dns_decide(me, message, 11, false, &question, out, &out_length) == DROP);
	message[2] |= 0x80;
	CHECK(dns_decide(me, message, length, false, &question, out, &out_length) == DROP);
	message[2] = 0x28;
	CHECK(dns_decide(me, message, length, false, &question, out, &out_length) == ANSWER && code() == NOT_IMPLEMENTED && out_length == 12);
	message[2] = 1;
	message[5] = 2;
	CHECK(dns_decide(me, message, length, false, &question, out, &out_length) == ANSWER && code() == FORMAT_ERROR);
	message[5] = 1;
	message[length - 1] = 3;
	CHECK(dns_decide(me, message, length, false, &question, out, &out_length) == ANSWER && code() == NOT_IMPLEMENTED);
}

static void test_whose_answer(void)
{
	unsigned char asked[512], answer[512];
	const size_t length = ask(asked, "Example.org", TYPE_A, 4096);
	const size_t answered = ask(answer, "eXample.org", TYPE_A, 0);
	CHECK(!dns_answers(answer, answered, asked, length));
	answer[2] |= 0x80;
	CHECK(dns_answers(answer, answered, asked, length));
	answer[0]++;
	CHECK(!dns_answers(answer, answered, asked, length));
	answer[0]--;
	answer[answered - 4 + 1] = TYPE_AAAA;
	CHECK(!dns_answers(answer, answered, asked, length));
	(void)ask(answer, "example.com", TYPE_A, 0);
	answer[2] |= 0x80;
	CHECK(!dns_answers(answer, answered, asked, length));
}

/* Heap copies of the exact length, so that a read beyond the end is seen. */
static void try_message(const struct client *client, const unsigned char *bytes, size_t length)
{
	unsigned char *exact = malloc(length ? length : 1);
	memcpy(exact, bytes, length);
	const enum verdict verdict = dns_decide(client, exact, length, length & 1, &question, out, &out_length);
	CHECK(verdict != ANSWER || (out_length >= 12 && out_length <= MESSAGE_MAX));
	CHECK(verdict != FORWARD || dns_refuse(exact, &question, SERVER_FAILURE, out) >= 12);
	(void)dns_answers(exact, length, exact, length);
	free(exact);
}

static void test_damage(void)
{
	static const char *const seeds[] = {
		"web", "www.back", "2.0.0.10.in-addr.arpa", "", "a.b.c.d.e.f", "2.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.d.f.ip6.arpa"};
	static const unsigned char nasty[] = {0, 1, 63, 64, 0xc0, 0xc1, 0xff, 0x7f, '.'};
	const struct client *me = client_find("me");
	unsigned char message[600];
	srandom(1);
	for (int round = 0; round < 200000; round++) {
		size_t length = ask(message, seeds[round % 6], round % 3 ? TYPE_A : TYPE_PTR, round % 2 ? 4096 : 0);
		for (long i = random() % 6; i >= 0; i--) {
			const size_t at = (size_t)random() % length;
			message[at] = random() % 2 ? nasty[(size_t)random() % sizeof nasty] : (unsigned char)random();
		}
		if (random() % 3 == 0)
			length = (size_t)random() % (length + 1);
		else if (random() % 3 == 0)
			while (length < sizeof message && random() % 64)
				message[length++] = (unsigned char)random();
		try_message(me, message, length);
	}
}

static void test_lists(void)
{
	union address servers[SERVERS];
	unsigned count;
	CHECK(parse_servers("10.0.0.1,::1#5353", servers, &count) == 0 && count == 2 && ntohs(servers[1].in6.sin6_port) == 5353);
	CHECK(parse_servers("10.0.0.1#0", servers, &count) < 0 && parse_servers("x", servers, &count) < 0);
	CHECK(parse_servers("-", servers, &count) == 0 && count == 0);
	CHECK(place_put(client_find("me"), "back", "p", "10.0.0.300", "n") < 0);
	/* A refused change leaves what was there. */
	CHECK(decide(client_find("web"), "me", TYPE_A, 0, false) == ANSWER && answers() == 1);
	CHECK(table_subnets("10.0.0.0") < 0);
	table_begin();
	client_find("web")->stale = false;
	CHECK(place_put(client_find("web"), "back", "web.back", "10.0.0.2", "web") == 0);
	table_commit();
	CHECK(!client_find("me") && client_find("web"));
	CHECK(decide(client_find("web"), "me", TYPE_A, 0, false) == ANSWER && code() == NAME_ERROR);
}

int main(void)
{
	fill_table();
	test_answers();
	test_pointers();
	test_sizes();
	test_refusals();
	test_whose_answer();
	test_damage();
	test_lists();
	return 0;
}
