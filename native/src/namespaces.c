/*
 * The `namespaces` section. Everything that is joined is joined by the intermediate process while it is still host root and
 * has every right over namespaces of descendants; the new ones are made by clone3 after it entered the user namespace, which
 * thereby owns them.
 */
#include <sched.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <sys/statfs.h>
#include <sys/syscall.h>

#include "sandbox.h"
#include "start.h"

static int open_ns(struct start *start, const char *path)
{
	int fd = open(path, O_RDONLY | O_CLOEXEC);
	return fd < 0 ? op_fail(&start->ctx, errno, "open namespace %s", path) : fd;
}

/* cgroup.enter PATH: a cgroup.procs file; the process is born in that group */
static int cgroup_enter(struct start *start, struct planned *planned)
{
	if (write_file_at(AT_FDCWD, planned->args[0], "0", 1) < 0)
		return op_fail(&start->ctx, errno, "enter cgroup %s", planned->args[0]);
	return 0;
}

/* The group that accounts memory also counts OOM kills. */
static int cgroup_prepare(struct start *start, struct planned *planned)
{
	static const char *const names[] = {"memory.oom_control", "memory.events"};
	struct monitor *monitor = start->monitor;
	const char *slash = strrchr(planned->args[0], '/');
	for (size_t i = 0; slash && monitor->oom_file[0] == '\0' && i < ARRAY_SIZE(names); i++) {
		char path[sizeof(monitor->oom_file)];
		snprintf(path, sizeof(path), "%.*s/%s", (int)(slash - planned->args[0]), planned->args[0], names[i]);
		if (access(path, R_OK) < 0)
			continue;
		memcpy(monitor->oom_file, path, sizeof(path));
		monitor->oom_before = oom_kills(path);
	}
	return 0;
}

/* sandbox KEY: the pair of user and network namespaces made by sandbox.new */
static int sandbox_prepare(struct start *start, struct planned *planned)
{
	struct sandbox *sandbox = sandbox_find(planned->args[0]);
	if (!sandbox || planned->args[0][0] == '\0')
		return op_fail(&start->ctx, ENOENT, "sandbox %s", planned->args[0]);
	start->user_ns = sandbox->user_ns;
	start->id_base = sandbox->id_base;
	start->net_ns = sandbox->net_ns;
	start->has_net_ns = true;
	return 0;
}

/* userns.new IDBASE SIZE */
static int userns_new(struct start *start, struct planned *planned)
{
	long long base, size;
	if (!op_number(&start->ctx, "id base", planned->args[0], 1, 4294967294LL, &base) ||
	    !op_number(&start->ctx, "id range", planned->args[1], 1, 4294967294LL, &size))
		return -1;
	start->id_base = base;
	return make_namespaces(&start->ctx, base, size, &start->user_ns, NULL);
}

/* userns.join /proc/PID/ns/user; whose ids it has is in the process's uid_map */
static int userns_join(struct start *start, struct planned *planned)
{
	int pid;
	if (sscanf(planned->args[0], "/proc/%d/ns/user", &pid) != 1)
		return op_fail(&start->ctx, EINVAL, "%s is not /proc/PID/ns/user", planned->args[0]);
	return open_user_namespace(&start->ctx, pid, &start->user_ns, &start->id_base);
}

static int netns_new(struct start *start, struct planned *planned)
{
	(void)planned;
	start->new_flags |= CLONE_NEWNET;
	start->has_net_ns = true;
	return 0;
}

static int netns_join(struct start *start, struct planned *planned)
{
	start->has_net_ns = true;
	return (start->net_ns = open_ns(start, planned->args[0])) < 0 ? -1 : 0;
}

static int enter_net(struct start *start, struct planned *planned)
{
	(void)planned;
	if (setns(start->net_ns, CLONE_NEWNET) < 0)
		return op_fail(&start->ctx, errno, "enter the network namespace");
	return 0;
}

static int mntns_new(struct start *start, struct planned *planned)
{
	(void)planned;
	start->new_flags |= CLONE_NEWNS;
	return 0;
}

static int pidns_new(struct start *start, struct planned *planned)
{
	(void)planned;
	start->new_flags |= CLONE_NEWPID;
	return 0;
}

static int ipcns_new(struct start *start, struct planned *planned)
{
	(void)planned;
	start->new_flags |= CLONE_NEWIPC;
	return 0;
}

static int utsns_new(struct start *start, struct planned *planned)
{
	(void)planned;
	start->new_flags |= CLONE_NEWUTS;
	return 0;
}

/* After the process is in its cgroups: its root is where it is then (cgroup_namespaces(7)). */
static int cgroupns_new(struct start *start, struct planned *planned)
{
	(void)planned;
	start->new_cgroup_ns = true;
	return 0;
}

static int join_prepare(struct start *start, struct planned *planned)
{
	return (planned->fd = open_ns(start, planned->args[0])) < 0 ? -1 : 0;
}

static int pidns_join_prepare(struct start *start, struct planned *planned)
{
	start->joins_pid_ns = true;
	return join_prepare(start, planned);
}

static int join_enter(struct start *start, struct planned *planned)
{
	if (setns(planned->fd, 0) < 0)
		return op_fail(&start->ctx, errno, "enter namespace %s", planned->args[0]);
	return 0;
}

static int nothing(struct start *start, struct planned *planned)
{
	(void)start;
	(void)planned;
	return 0;
}

/* ns.enter PID STARTTICKS: all namespaces of a container's init, for an exec */
static int ns_enter_prepare(struct start *start, struct planned *planned)
{
	long long pid, ticks;
	if (!op_number(&start->ctx, "pid", planned->args[0], 2, 4194304, &pid) || !op_number(&start->ctx, "start time", planned->args[1], 0, INT64_MAX, &ticks))
		return -1;
	/* The descriptor names one process for ever; the start time says that it is the container's. */
	start->enter_pidfd = planned->fd = (int)syscall(SYS_pidfd_open, (pid_t)pid, 0);
	if (planned->fd < 0 || (ticks != 0 && start_ticks((pid_t)pid) != (unsigned long long)ticks))
		return op_fail(&start->ctx, ESRCH, "the container's process %lld has ended", pid);
	start->enter_pid = (pid_t)pid;
	char path[48];
	struct stat own, theirs;
	snprintf(path, sizeof(path), "/proc/%lld/ns/user", pid);
	if (stat("/proc/self/ns/user", &own) < 0 || stat(path, &theirs) < 0)
		return op_fail(&start->ctx, errno, "stat %s", path);
	start->enter_user = own.st_ino != theirs.st_ino;
	return 0;
}

static int ns_enter(struct start *start, struct planned *planned)
{
	/* setns(2): joining the user namespace one is in already is EINVAL. */
	int flags = CLONE_NEWNS | CLONE_NEWPID | CLONE_NEWNET | CLONE_NEWIPC | CLONE_NEWUTS | CLONE_NEWCGROUP | (start->enter_user ? CLONE_NEWUSER : 0);
	if (setns(planned->fd, flags) < 0)
		return op_fail(&start->ctx, errno, "enter the namespaces of process %s", planned->args[0]);
	return 0;
}

const struct start_op namespace_ops[] = {
	{.name = "cgroup.enter", .min_args = 1, .prepare = cgroup_prepare, .enter = cgroup_enter},
	{.name = "sandbox", .min_args = 1, .prepare = sandbox_prepare, .enter = enter_net},
	{.name = "userns.new", .min_args = 2, .prepare = userns_new},
	{.name = "userns.join", .min_args = 1, .prepare = userns_join},
	{.name = "userns.host", .min_args = 0, .prepare = nothing},
	{.name = "netns.new", .min_args = 0, .prepare = netns_new},
	{.name = "netns.join", .min_args = 1, .prepare = netns_join, .enter = enter_net},
	{.name = "netns.host", .min_args = 0, .prepare = nothing},
	{.name = "mntns.new", .min_args = 0, .prepare = mntns_new},
	{.name = "pidns.new", .min_args = 0, .prepare = pidns_new},
	{.name = "pidns.join", .min_args = 1, .prepare = pidns_join_prepare, .enter = join_enter},
	{.name = "ipcns.new", .min_args = 0, .prepare = ipcns_new},
	{.name = "ipcns.join", .min_args = 1, .prepare = join_prepare, .enter = join_enter},
	{.name = "ipcns.host", .min_args = 0, .prepare = nothing},
	{.name = "utsns.new", .min_args = 0, .prepare = utsns_new},
	{.name = "cgroupns.new", .min_args = 0, .prepare = cgroupns_new},
	{.name = "ns.enter", .min_args = 2, .prepare = ns_enter_prepare, .enter = ns_enter},
	{.name = NULL},
};
