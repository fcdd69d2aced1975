/* What a process of an OCI configuration has: limits, scheduling, labels, ids and capabilities; and when it may go on. */
#include <grp.h>
#include <linux/capability.h>
#include <linux/ioprio.h>
#include <sched.h>
#include <signal.h>
#include <stdlib.h>
#include <sys/personality.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/statfs.h>
#include <sys/syscall.h>
#include <poll.h>
#include <time.h>

#include "runtime.h"

/* limit.raise, limit NAME SOFT HARD, -1 unlimited: refused when it cannot be had, as the specification asks for */
static int limit_prepare(struct start *start, struct planned *planned)
{
	long long soft, hard;
	if (rlimit_number(planned->args[0]) < 0)
		return op_fail(&start->ctx, EINVAL, "unknown limit %s", planned->args[0]);
	return op_number(&start->ctx, "soft limit", planned->args[1], -1, INT64_MAX, &soft) && op_number(&start->ctx, "hard limit", planned->args[2], -1, INT64_MAX, &hard) ? 0 : -1;
}

static struct rlimit wanted_limit(const struct planned *planned)
{
	long long soft = strtoll(planned->args[1], NULL, 10), hard = strtoll(planned->args[2], NULL, 10);
	return (struct rlimit){.rlim_cur = soft < 0 ? RLIM_INFINITY : (rlim_t)soft, .rlim_max = hard < 0 ? RLIM_INFINITY : (rlim_t)hard};
}

/* Raising is host root's right; lowering comes late, as a small one would break what is still to do. */
static int limit_enter(struct start *start, struct planned *planned)
{
	__rlimit_resource_t resource = (__rlimit_resource_t)rlimit_number(planned->args[0]);
	struct rlimit now, wanted = wanted_limit(planned);
	if (getrlimit(resource, &now) < 0 || wanted.rlim_max <= now.rlim_max)
		return 0;
	struct rlimit raised = {.rlim_cur = now.rlim_cur, .rlim_max = wanted.rlim_max};
	return setrlimit(resource, &raised) < 0 ? op_fail(&start->ctx, errno, "raise limit %s to %s", planned->args[0], planned->args[2]) : 0;
}

static int limit_apply(struct start *start, struct planned *planned)
{
	struct rlimit wanted = wanted_limit(planned);
	if (setrlimit((__rlimit_resource_t)rlimit_number(planned->args[0]), &wanted) < 0)
		return op_fail(&start->ctx, errno, "set limit %s to %s:%s", planned->args[0], planned->args[1], planned->args[2]);
	return 0;
}

/* struct sched_attr of sched_setattr(2), which glibc has only lately */
struct scheduling {
	uint32_t size;
	uint32_t policy;
	uint64_t flags;
	int32_t nice;
	uint32_t priority;
	uint64_t runtime;
	uint64_t deadline;
	uint64_t period;
};

/* scheduler POLICY NICE PRIORITY FLAGS RUNTIME DEADLINE PERIOD, by host root */
static int scheduler_enter(struct start *start, struct planned *planned)
{
	char **args = planned->args;
	struct scheduling attr = {
		.size = sizeof(attr),
		.policy = (uint32_t)strtoul(args[0], NULL, 10),
		.nice = (int32_t)strtol(args[1], NULL, 10),
		.priority = (uint32_t)strtoul(args[2], NULL, 10),
		.flags = strtoull(args[3], NULL, 10),
		.runtime = strtoull(args[4], NULL, 10),
		.deadline = strtoull(args[5], NULL, 10),
		.period = strtoull(args[6], NULL, 10),
	};
	return syscall(SYS_sched_setattr, 0, &attr, 0) < 0 ? op_fail(&start->ctx, errno, "set scheduling policy %s", args[0]) : 0;
}

/* ioprio CLASS LEVEL */
static int ioprio_enter(struct start *start, struct planned *planned)
{
	int value = IOPRIO_PRIO_VALUE(atoi(planned->args[0]), atoi(planned->args[1]));
	return syscall(SYS_ioprio_set, IOPRIO_WHO_PROCESS, 0, value) < 0 ? op_fail(&start->ctx, errno, "set io priority %s %s", planned->args[0], planned->args[1]) : 0;
}

/* affinity CPU… */
static int affinity_enter(struct start *start, struct planned *planned)
{
	cpu_set_t set;
	CPU_ZERO(&set);
	for (int i = 0; i < planned->n; i++)
		CPU_SET((size_t)strtoul(planned->args[i], NULL, 10), &set);
	return sched_setaffinity(0, sizeof(set), &set) < 0 ? op_fail(&start->ctx, errno, "set cpu affinity") : 0;
}

/* personality NUMBER */
static int personality_apply(struct start *start, struct planned *planned)
{
	return personality(strtoul(planned->args[0], NULL, 16)) < 0 ? op_fail(&start->ctx, errno, "set personality %s", planned->args[0]) : 0;
}

/* label FILE VALUE: for execve, through the container's procfs (apparmor(7), selinux(8)) */
static int label_apply(struct start *start, struct planned *planned)
{
	char path[96];
	struct statfs fs;
	snprintf(path, sizeof(path), "thread-self/attr/%.64s", planned->args[0]);
	fd_auto int own = start->proc >= 0 ? -1 : open("/proc", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	int proc = start->proc >= 0 ? start->proc : own;
	if (proc < 0 || fstatfs(proc, &fs) < 0 || fs.f_type != PROC_MAGIC)
		return op_fail(&start->ctx, EINVAL, "/proc of the container is not procfs");
	if (write_file_at(proc, path, planned->args[1], strlen(planned->args[1])) < 0)
		return op_fail(&start->ctx, errno, "set label %s", planned->args[1]);
	return 0;
}

enum { UID, GID, BOUNDING, EFFECTIVE, INHERITABLE, PERMITTED, AMBIENT, KEEP, FIRST_GROUP };

static uint64_t capability_set(const struct planned *planned, int which)
{
	return strtoull(planned->args[which], NULL, 16);
}

static int set_caps(struct start *start, struct planned *planned, uint64_t besides)
{
	uint64_t effective = capability_set(planned, EFFECTIVE) | besides, permitted = capability_set(planned, PERMITTED) | besides;
	uint64_t inheritable = capability_set(planned, INHERITABLE);
	struct __user_cap_header_struct header = {.version = _LINUX_CAPABILITY_VERSION_3};
	struct __user_cap_data_struct data[2] = {
		{.effective = (uint32_t)effective, .permitted = (uint32_t)permitted, .inheritable = (uint32_t)inheritable},
		{.effective = (uint32_t)(effective >> 32), .permitted = (uint32_t)(permitted >> 32), .inheritable = (uint32_t)(inheritable >> 32)},
	};
	if (syscall(SYS_capset, &header, data) < 0)
		return op_fail(&start->ctx, errno, "set capabilities");
	prctl(PR_CAP_AMBIENT, PR_CAP_AMBIENT_CLEAR_ALL, 0, 0, 0);
	for (unsigned long cap = 0; cap < 64; cap++)
		if ((capability_set(planned, AMBIENT) >> cap & 1) && prctl(PR_CAP_AMBIENT, PR_CAP_AMBIENT_RAISE, cap, 0, 0) < 0)
			return op_fail(&start->ctx, errno, "raise ambient capability %lu", cap);
	return 0;
}

/* identity UID GID BOUNDING EFFECTIVE INHERITABLE PERMITTED AMBIENT KEEP GROUP…: sets as hex; KEEP is held until caps.final */
static int identity_apply(struct start *start, struct planned *planned)
{
	gid_t groups[1024];
	size_t used = 0;
	uid_t uid = (uid_t)strtoul(planned->args[UID], NULL, 10);
	gid_t gid = (gid_t)strtoul(planned->args[GID], NULL, 10);
	for (int i = FIRST_GROUP; i < planned->n && used < ARRAY_SIZE(groups); i++)
		groups[used++] = (gid_t)strtoul(planned->args[i], NULL, 10);
	for (unsigned long cap = 0; prctl(PR_CAPBSET_READ, cap, 0, 0, 0) >= 0; cap++)
		if (!(capability_set(planned, BOUNDING) >> cap & 1) && prctl(PR_CAPBSET_DROP, cap, 0, 0, 0) < 0)
			return op_fail(&start->ctx, errno, "drop capability %lu", cap);
	if (prctl(PR_SET_KEEPCAPS, 1, 0, 0, 0) < 0 || setgroups(used, groups) < 0)
		return op_fail(&start->ctx, errno, "set groups");
	if (setresgid(gid, gid, gid) < 0)
		return op_fail(&start->ctx, errno, "become group %u", gid);
	if (setresuid(uid, uid, uid) < 0)
		return op_fail(&start->ctx, errno, "become user %u", uid);
	prctl(PR_SET_KEEPCAPS, 0, 0, 0, 0);
	prctl(PR_SET_PDEATHSIG, SIGKILL); /* a change of user took it away (prctl(2)) */
	return set_caps(start, planned, capability_set(planned, KEEP));
}

/* caps.final: the same arguments; what was kept for the filter goes */
static int caps_final_apply(struct start *start, struct planned *planned)
{
	return set_caps(start, planned, 0);
}

/* home: HOME of the user where the configuration says none; after identity */
static int home_apply(struct start *start, struct planned *planned)
{
	static char entry[5 + 256] = "HOME=";
	if (get_env(start, "HOME"))
		return 0;
	user_home(planned->args[0], entry + 5, sizeof(entry) - 5);
	return add_env(start, entry);
}

/* command COMMAND: that it can be found is known before anybody is told that the container was created */
static int command_apply(struct start *start, struct planned *planned)
{
	char *command = planned->args[0];
	int err = find_command(start, command);
	return err ? exec_failed(start, command, err) : 0;
}

/* created: nothing more is expected to fail; gantry-runtime answers and may end */
static int created_apply(struct start *start, struct planned *planned)
{
	(void)planned;
	if (prctl(PR_SET_PDEATHSIG, 0) < 0 || write(runtime.sync[1], "r", 1) != 1)
		return op_fail(&start->ctx, errno, "tell that the container is created");
	runtime.released = true;
	close_fd(&runtime.sync[1]);
	return 0;
}

/* wait START RESULT: fifos. Whoever starts the container writes into the first and reads failures from the second until it closes. */
static int wait_prepare(struct start *start, struct planned *planned)
{
	for (int i = 0; i < 2; i++)
		if (mkfifo(planned->args[i], 0600) < 0)
			return op_fail(&start->ctx, errno, "make %s", planned->args[i]);
	planned->fd = open(planned->args[0], O_RDONLY | O_NONBLOCK | O_CLOEXEC);
	runtime.result = open(planned->args[1], O_RDWR | O_NONBLOCK | O_CLOEXEC);
	return planned->fd < 0 || runtime.result < 0 ? op_fail(&start->ctx, errno, "open %s", planned->args[0]) : 0;
}

static int wait_apply(struct start *start, struct planned *planned)
{
	struct pollfd started = {.fd = planned->fd, .events = POLLIN};
	char byte;
	for (;;) {
		if (poll(&started, 1, -1) < 0 && errno != EINTR)
			return op_fail(&start->ctx, errno, "wait to be started");
		if (read(planned->fd, &byte, 1) == 1)
			return 0;
		if (started.revents & POLLHUP) {
			/* Somebody opened it and said nothing. A fifo that nobody writes to has POLLHUP for ever: look now and then. */
			struct timespec pause = {.tv_nsec = 5 * 1000 * 1000};
			nanosleep(&pause, NULL);
		}
	}
}

/* umask OCTAL */
static int umask_apply(struct start *start, struct planned *planned)
{
	(void)start;
	umask((mode_t)strtoul(planned->args[0], NULL, 8));
	return 0;
}

/* exec COMMAND ARGUMENT… */
static int exec_apply(struct start *start, struct planned *planned)
{
	/* args[n] is the next operation's first token or the end of the array: exec comes last, so it may be the end mark. */
	planned->args[planned->n] = NULL;
	if (close_range((unsigned int)(3 + runtime.preserve), ~0U, CLOSE_RANGE_CLOEXEC) < 0)
		return op_fail(&start->ctx, errno, "close descriptors");
	default_signals();
	if (!runtime.released)
		prctl(PR_SET_PDEATHSIG, 0);
	start->shared->execing = true;
	return exec_failed(start, planned->args[0], exec_command(start, planned->args));
}

const struct start_op runtime_process_ops[] = {
	{.name = "hook", .min_args = 6, .prepare = hook_prepare, .apply = hook_apply},
	{.name = "hooks.host", .min_args = 0, .apply = hooks_host_apply},
	{.name = "terminal", .min_args = 5, .prepare = terminal_prepare, .apply = terminal_apply},
	{.name = "stdio", .min_args = 1, .enter = stdio_enter},
	{.name = "limit.raise", .min_args = 3, .prepare = limit_prepare, .enter = limit_enter},
	{.name = "limit", .min_args = 3, .prepare = limit_prepare, .apply = limit_apply},
	{.name = "scheduler", .min_args = 7, .enter = scheduler_enter},
	{.name = "ioprio", .min_args = 2, .enter = ioprio_enter},
	{.name = "affinity", .min_args = 1, .enter = affinity_enter},
	{.name = "personality", .min_args = 1, .apply = personality_apply},
	{.name = "label", .min_args = 2, .apply = label_apply},
	{.name = "identity", .min_args = 8, .apply = identity_apply},
	{.name = "caps.final", .min_args = 8, .apply = caps_final_apply},
	{.name = "home", .min_args = 1, .apply = home_apply},
	{.name = "command", .min_args = 1, .apply = command_apply},
	{.name = "created", .min_args = 0, .apply = created_apply},
	{.name = "wait", .min_args = 2, .prepare = wait_prepare, .apply = wait_apply},
	{.name = "filter", .min_args = 2, .prepare = filter_prepare, .apply = filter_apply},
	{.name = "umask", .min_args = 1, .apply = umask_apply},
	{.name = "exec", .min_args = 1, .apply = exec_apply},
	{.name = NULL},
};
