/* Requests: what is well-formed is cut rightly, what is not is refused, whatever the bytes are. */
#include "check.h"
#include "wire.h"

#define FRAME(text) parse(text, sizeof(text) - 1)

static struct request request;
static char frame[4096];
static char *args[64];
static struct op_tokens ops[16];

static bool parse(const char *text, size_t length)
{
	memcpy(frame, text, length);
	return request_parse(&request, frame, length);
}

static int cut(void)
{
	return ops_parse(request.ops, request.ops_length, args, 64, ops, 16);
}

static void test_good(void)
{
	CHECK(FRAME("7\0ops\0" "3\0mkdir\0/x\0" "0755\0" "1\0ping\0"));
	CHECK(request.id == 7 && strcmp(request.verb, "ops") == 0);
	CHECK(cut() == 2);
	CHECK(ops[0].n == 3 && strcmp(ops[0].args[2], "0755") == 0 && ops[1].n == 1 && strcmp(ops[1].args[0], "ping") == 0);
	CHECK(FRAME("8\0start\0key\0/dir\0" "2\0env\0\0"));
	CHECK(strcmp(request.key, "key") == 0 && strcmp(request.dir, "/dir") == 0);
	CHECK(cut() == 1 && ops[0].n == 2 && ops[0].args[1][0] == '\0');
	CHECK(FRAME("9\0ops\0") && cut() == 0);
}

static void test_bad(void)
{
	CHECK(!FRAME(""));
	CHECK(!FRAME("x\0ops\0"));
	CHECK(!FRAME("7\0"));
	CHECK(!FRAME("7\0start\0key\0"));
	CHECK(!FRAME("7\0ops")); /* no end */
	CHECK(FRAME("7\0ops\0" "2\0mkdir\0") && cut() == -1);
	CHECK(FRAME("7\0ops\0" "0\0mkdir\0") && cut() == -1);
	CHECK(FRAME("7\0ops\0" "-1\0mkdir\0") && cut() == -1);
	CHECK(FRAME("7\0ops\0" "65\0mkdir\0") && cut() == -1);
	CHECK(FRAME("7\0ops\0" "1\0mkdir") && cut() == -1);
}

static void test_limits(void)
{
	char many[4096];
	size_t length = (size_t)sprintf(many, "7%cops%c", 0, 0);
	for (int i = 0; i < 17; i++)
		length += (size_t)sprintf(many + length, "1%cx%c", 0, 0);
	CHECK(parse(many, length) && cut() == -1);
}

/* Any bytes: no crash, no read outside the frame (the sanitizer watches an exactly sized copy). */
static void test_noise(void)
{
	unsigned int state = 12345;
	for (int round = 0; round < 20000; round++) {
		size_t length = (state >> 8) % 64;
		char *noise = malloc(length ? length : 1);
		for (size_t i = 0; i < length; i++) {
			state = state * 1103515245 + 12345;
			noise[i] = "\0\0" "0123ops"[(state >> 16) % 9];
		}
		struct request any;
		if (request_parse(&any, noise, length))
			ops_parse(any.ops, any.ops_length, args, 64, ops, 16);
		free(noise);
	}
}

int main(void)
{
	test_good();
	test_bad();
	test_limits();
	test_noise();
	return 0;
}
