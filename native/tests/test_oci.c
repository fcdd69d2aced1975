/* What `create` wrote of a container is read whole, or left to node: cut off anywhere, or with any byte changed. */
#include <setjmp.h>
#include <stdlib.h>
#include <sys/stat.h>

#include "check.h"
#include "oci.h"

static jmp_buf handed_over;
static char folder[] = "/tmp/test-oci-XXXXXX";
static char path[128];
struct globals globals = {.root = folder};

_Noreturn void hand_over(void)
{
	longjmp(handed_over, 1);
}

_Noreturn void fail_with(const char *format, ...)
{
	fprintf(stderr, "fail_with: %s\n", format);
	abort();
}

void sleep_ms(long ms)
{
	(void)ms;
}

static const char good[] = "2\0front\0" "1\0" "3\0process\0" "2147483647\0" "88\0" "4\0state\0a\0b\0c\0" "4\0row\0d\0e\0f\0" "4\0cells\0id\0/b\0now\0"
			   "3\0freezer\0v1\0/f\0" "2\0group\0/g\0" "2\0group\0/h\0" "2\0parent\0/p\0" "2\0kill\0/k\0" "2\0hooks\0poststop";

static void write_front(const char *bytes, size_t length)
{
	FILE *file = fopen(path, "w");
	CHECK(file && fwrite(bytes, 1, length, file) == length && fclose(file) == 0);
}

/* 1 loaded, 0 not there, -1 left to node. */
static int load(struct container *container, const char *id)
{
	volatile int loaded = -1;
	if (setjmp(handed_over) == 0)
		loaded = load_container(container, id);
	return loaded;
}

static void test_good(void)
{
	struct container container;
	write_front(good, sizeof(good));
	CHECK(load(&container, "one") == 1);
	CHECK(container.pid == 2147483647 && container.start_ticks == 88 && container.group_count == 2 && container.parent_count == 1);
	CHECK(strcmp(container.state[2], "c") == 0 && strcmp(container.groups[1], "/h") == 0 && strcmp(container.kill_file, "/k") == 0);
	CHECK(container.freezer == 1 && container.poststop && !container.poststart);
	CHECK(container_status(&container) == STOPPED);
	buf_release(&container.memory);
}

static void test_names(void)
{
	struct container container;
	CHECK(load(&container, "two") == 0);
	const char *const bad[] = {"", ".", "..", ".hidden", "a/b", "../one", "a b", "\xc3\xa9"};
	for (size_t i = 0; i < ARRAY_SIZE(bad); i++)
		CHECK(load(&container, bad[i]) == -1);
}

/* Whatever is loaded has all that the verbs use. */
static void check_whole(struct container *container)
{
	int loaded = load(container, "one");
	CHECK(loaded != 0);
	if (loaded == 1)
		CHECK(container->pid > 0 && container->state[2] && container->row[2] && container->cells[2] && container->group_count <= MAX_GROUPS);
	if (container->memory.data)
		buf_release(&container->memory);
}

static void test_damage(void)
{
	struct container container;
	char changed[sizeof(good)];
	for (size_t length = 0; length < sizeof(good); length++) {
		write_front(good, length);
		check_whole(&container);
	}
	for (size_t at = 0; at < sizeof(good); at++)
		for (int bit = 0; bit < 8; bit++) {
			memcpy(changed, good, sizeof(good));
			changed[at] = (char)(changed[at] ^ (1 << bit));
			write_front(changed, sizeof(changed));
			check_whole(&container);
		}
}

static void test_another_version(void)
{
	struct container container;
	char changed[sizeof(good)];
	memcpy(changed, good, sizeof(good));
	changed[8] = '2';
	write_front(changed, sizeof(changed));
	CHECK(load(&container, "one") == -1);
}

int main(void)
{
	char dir[64];
	CHECK(mkdtemp(folder));
	snprintf(dir, sizeof(dir), "%s/one", folder);
	snprintf(path, sizeof(path), "%s/front", dir);
	CHECK(mkdir(dir, 0700) == 0);
	test_good();
	test_names();
	test_damage();
	test_another_version();
	CHECK(unlink(path) == 0 && rmdir(dir) == 0 && rmdir(folder) == 0);
	return 0;
}
