/*
 * bpf.device and probe against the kernel: needs root and a cgroup2 mount, in a group of its own that it removes.
 * A program of two instructions ("let everything pass" or "let nothing pass") stands for those that the engine assembles.
 */
#include <stdlib.h>
#include <sys/stat.h>
#include <sys/wait.h>

#include "core.h"

static int failures;
static char results_data[4096];
static struct buf results = {.data = results_data, .capacity = sizeof(results_data)};
static char last_error[512];

#define CHECK(condition)                                                                                                      \
	do {                                                                                                                  \
		if (!(condition)) {                                                                                           \
			fprintf(stderr, "%s:%d: %s\n  last error: %s\n", __FILE__, __LINE__, #condition, last_error);         \
			failures++;                                                                                           \
		}                                                                                                             \
	} while (0)

static int run(const char *name, const char *first, const char *second)
{
	char *op[] = {(char *)name, (char *)first, (char *)second, NULL};
	results.length = 0;
	last_error[0] = '\0';
	struct op_ctx ctx = {.results = &results};
	int n = 1 + (first != NULL) + (second != NULL);
	if (run_host_op(&ctx, op, n) == 0) {
		results_data[results.length] = '\0';
		return 0;
	}
	snprintf(last_error, sizeof(last_error), "%s", ctx.text);
	return ctx.err ? ctx.err : -1;
}

/* mov r0, VALUE; exit */
static const char pass[] = "b700000001000000"
			   "9500000000000000";
static const char refuse[] = "b700000000000000"
			     "9500000000000000";
static const char no_exit[] = "b700000000000000";

/* errno of opening /dev/zero from inside the group, 0 when it opens */
static int open_inside(const char *group)
{
	pid_t pid = fork();
	if (pid == 0) {
		char procs[512];
		snprintf(procs, sizeof(procs), "%s/cgroup.procs", group);
		if (write_file_at(AT_FDCWD, procs, "0", 1) < 0)
			_exit(255);
		_exit(open("/dev/zero", O_RDONLY | O_CLOEXEC) < 0 ? errno : 0);
	}
	int status;
	return waitpid(pid, &status, 0) == pid && WIFEXITED(status) ? WEXITSTATUS(status) : -1;
}

static void test_device_programs(const char *group)
{
	CHECK(open_inside(group) == 0);
	CHECK(run("bpf.device", group, refuse) == 0);
	CHECK(open_inside(group) == EPERM);
	/* The second program takes the first one's place: were both there, the first would still refuse. */
	CHECK(run("bpf.device", group, pass) == 0);
	CHECK(open_inside(group) == 0);
}

static void test_bad_programs(const char *group)
{
	static char endless[2 * 8 * 5000 + 1];
	memset(endless, '0', sizeof(endless) - 1);
	CHECK(run("bpf.device", group, "") == EINVAL);
	CHECK(run("bpf.device", group, "b7") == EINVAL);
	CHECK(run("bpf.device", group, "B700000001000000") == EINVAL);
	CHECK(run("bpf.device", group, "zz00000001000000") == EINVAL);
	CHECK(run("bpf.device", group, endless) == EINVAL);
	CHECK(run("bpf.device", group, no_exit) == EINVAL);
	CHECK(strncmp(last_error, "load the device program", 23) == 0);
	CHECK(run("bpf.device", "/nonexistent", pass) == ENOENT);
	CHECK(run("bpf.device", "/tmp", pass) != 0);
	CHECK(run("bpf.device", group, NULL) == EINVAL);
}

static void test_probes(void)
{
	static const char *const working[][2] = {{"namespace", "mnt"}, {"namespace", "pid"}, {"namespace", "net"}, {"mount-api", NULL},
						 {"seccomp", NULL},    {"clone3", NULL},     {"no-new-privs", NULL}};
	for (size_t i = 0; i < ARRAY_SIZE(working); i++) {
		CHECK(run("probe", working[i][0], working[i][1]) == 0);
		CHECK(strcmp(results_data, "ok") == 0);
	}
	/* What cannot be is an answer and no failure. */
	CHECK(run("probe", "namespace", "nonsense") == 0 && strcmp(results_data, "EINVAL") == 0);
	CHECK(run("probe", "namespace", NULL) == 0 && strcmp(results_data, "EINVAL") == 0);
	CHECK(run("probe", "link", "nonsense") == 0 && strcmp(results_data, "ok") != 0);
	CHECK(run("probe", "idmap", "/nonexistent") == 0 && strcmp(results_data, "ENOENT") == 0);
	CHECK(run("probe", "overlay", "/") == 0 && strcmp(results_data, "EINVAL") == 0);
	CHECK(run("probe", "nonsense", NULL) == EINVAL);
	CHECK(run("probe", NULL, NULL) == EINVAL);
}

/* Where cgroup2 is mounted: alone, or beside v1. */
static const char *unified_mount(void)
{
	static const char *const places[] = {"/sys/fs/cgroup", "/sys/fs/cgroup/unified"};
	for (size_t i = 0; i < ARRAY_SIZE(places); i++) {
		char file[256];
		snprintf(file, sizeof(file), "%s/cgroup.controllers", places[i]);
		if (access(file, F_OK) == 0)
			return places[i];
	}
	return NULL;
}

int main(void)
{
	test_probes();
	const char *mount = unified_mount();
	char group[256];
	snprintf(group, sizeof(group), "%s/gantry-test-%d", mount ? mount : "/nonexistent", (int)getpid());
	CHECK(mount && mkdir(group, 0755) == 0);
	test_device_programs(group);
	test_bad_programs(group);
	CHECK(rmdir(group) == 0);
	return failures != 0;
}
