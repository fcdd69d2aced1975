/* Buffers, JSON, numbers, operation results. */
#include "check.h"
#include "core.h"
#include "start.h"

static void test_json(void)
{
	static const struct {
		const char *in;
		size_t length;
		const char *out;
	} cases[] = {
		{"plain", 5, "plain"},
		{"a\"b\\c", 5, "a\\\"b\\\\c"},
		{"\n\r\t\b\0\x1f\x7f", 7, "\\n\\r\\t\\u0008\\u0000\\u001f\\u007f"},
		{"\xc3\xa9", 2, "\xc3\xa9"},
		{"\xf0\x9f\x90\x8b", 4, "\xf0\x9f\x90\x8b"},
		{"\xc3", 1, "\\ufffd"},                  /* cut off */
		{"\xc0\xaf", 2, "\\ufffd\\ufffd"},       /* overlong */
		{"\xed\xa0\x80", 3, "\\ufffd\\ufffd\\ufffd"}, /* surrogate */
		{"\xf4\x90\x80\x80", 4, "\\ufffd\\ufffd\\ufffd\\ufffd"}, /* beyond U+10FFFF */
		{"", 0, ""},
	};
	for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
		struct buf buf = buf_reserve(4096);
		/* In a block of its own size, so that the sanitizer sees a read past the end. */
		char *exact = malloc(cases[i].length + 1);
		memcpy(exact, cases[i].in, cases[i].length);
		char *in = realloc(exact, cases[i].length ? cases[i].length : 1);
		buf_json_inner(&buf, in, cases[i].length);
		CHECK_TEXT(buf.data, buf.length, cases[i].out);
		free(in);
		buf_release(&buf);
	}
}

static void test_bounds(void)
{
	char data[8];
	struct buf buf = {.data = data, .capacity = sizeof(data)};
	buf_text(&buf, "12345");
	CHECK(!buf.truncated);
	buf_text(&buf, "67890");
	CHECK(buf.truncated && buf.length == 8);
	buf_format(&buf, "%d", 1);
	CHECK(buf.length == 8);
}

static void test_numbers(void)
{
	long long out;
	CHECK(parse_number("42", 0, 100, &out) && out == 42);
	CHECK(parse_number("-1", -1, 100, &out) && out == -1);
	static const char *const bad[] = {"", " 1", "+1", "1 ", "1x", "0x10", "101", "-2", "99999999999999999999"};
	for (size_t i = 0; i < ARRAY_SIZE(bad); i++)
		CHECK(!parse_number(bad[i], -1, 100, &out));
}

static void test_time(void)
{
	char text[31];
	CHECK(now_rfc3339(text) == 30);
	CHECK(text[10] == 'T' && text[19] == '.' && text[29] == 'Z');
}

static void test_failure(void)
{
	struct op_ctx ctx = {.op = "x"};
	CHECK(op_fail(&ctx, ENOENT, "first %d", 1) == -1);
	CHECK(op_fail(&ctx, EPERM, "second") == -1);
	CHECK(ctx.err == ENOENT && strcmp(ctx.text, "first 1") == 0);
	struct op_ctx unknown = {.op = ""};
	char *op[] = {"no.such.op"};
	CHECK(run_host_op(&unknown, op, 1) == -1 && unknown.err == ENOSYS);
	struct op_ctx few = {.op = ""};
	char *mkdir_op[] = {"mkdir", "/x"};
	CHECK(run_host_op(&few, mkdir_op, 2) == -1 && few.err == EINVAL);
}

static void test_result(void)
{
	struct buf results = buf_reserve(8192);
	struct op_ctx ctx = {.op = "x", .results = &results};
	CHECK(op_result(&ctx, "%s-%d", "a", 1) == 0 && op_result_bytes(&ctx, "\0b", 2) == 0);
	CHECK(results.length == 5 && memcmp(results.data, "a-1\0b", 5) == 0);
	buf_release(&results);
}

static void test_start_ticks(void)
{
	CHECK(start_ticks(getpid()) > 0);
	CHECK(start_ticks(getpid()) == start_ticks(getpid()));
	CHECK(start_ticks(4194303) == 0);
}

static void test_flags(void)
{
	CHECK(has_flag("ro,rec", "ro") && has_flag("ro,rec", "rec") && has_flag("rec", "rec"));
	CHECK(!has_flag("rorec", "ro") && !has_flag("", "ro") && !has_flag("nosuid,r", "ro"));
}

int main(void)
{
	test_json();
	test_bounds();
	test_numbers();
	test_time();
	test_failure();
	test_result();
	test_start_ticks();
	test_flags();
	return 0;
}
