/*
 * gantry-floor: the kernel's own price of a container, for benchmarks. One program does what a start of the engine makes the
 * kernel do, and nothing else: no plan, no sockets, no log, no records.
 *
 *   gantry-floor LOWERDIR COMMAND [ARGUMENT]...
 *
 * User and network namespace, a group in every cgroup hierarchy with a memory and a pids limit, id-mapped overlay on LOWERDIR
 * (upper and work in a folder beside it), mount, pid, ipc, uts and cgroup namespaces, the usual mounts, masks, pivot_root,
 * 14 capabilities, no_new_privs, a filter of 200 comparisons, exec, wait, removal. The exit status is the command's, 125 when
 * a step fails.
 */
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <grp.h>
#include <linux/audit.h>
#include <linux/filter.h>
#include <linux/sched.h>
#include <linux/seccomp.h>
#include <linux/securebits.h>
#include <sched.h>
#include <signal.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/fsuid.h>
#include <sys/mount.h>
#include <sys/prctl.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#define ID_BASE 900000
#define NEED(call) need((long)(call), #call, __LINE__)

static long need(long result, const char *what, int line)
{
	if (result < 0) {
		fprintf(stderr, "gantry-floor: line %d: %s: %s\n", line, what, strerror(errno));
		_exit(125);
	}
	return result;
}

static void put(const char *path, const char *value)
{
	int fd = (int)NEED(open(path, O_WRONLY | O_CLOEXEC));
	NEED(write(fd, value, strlen(value)));
	close(fd);
}

/* The pair of namespaces, held by descriptor. */
static void make_pair(int *user, int *net)
{
	char path[64];
	pid_t holder = (pid_t)NEED(syscall(SYS_clone, CLONE_NEWUSER | CLONE_NEWNET | SIGCHLD, 0, 0, 0, 0));
	if (holder == 0)
		for (;;)
			pause();
	const char *const maps[] = {"uid_map", "gid_map"};
	for (int i = 0; i < 2; i++) {
		snprintf(path, sizeof(path), "/proc/%d/%s", (int)holder, maps[i]);
		char map[64];
		snprintf(map, sizeof(map), "0 %d 65536\n", ID_BASE);
		put(path, map);
	}
	snprintf(path, sizeof(path), "/proc/%d/ns/user", (int)holder);
	*user = (int)NEED(open(path, O_RDONLY | O_CLOEXEC));
	snprintf(path, sizeof(path), "/proc/%d/ns/net", (int)holder);
	*net = (int)NEED(open(path, O_RDONLY | O_CLOEXEC));
	kill(holder, SIGKILL);
	waitpid(holder, NULL, 0);
}

/* --- cgroups: v1 hierarchies by their folders, or the one tree of v2 ------------------------------------------------------ */

static char groups[16][160];
static int groups_used;

static void add_group(const char *hierarchy)
{
	snprintf(groups[groups_used], sizeof(groups[0]), "%s/gantry-floor-%d", hierarchy, (int)getpid());
	if (mkdir(groups[groups_used], 0755) == 0)
		groups_used++;
}

static void copy_setting(const char *hierarchy, const char *group, const char *name)
{
	char path[256];
	char value[256] = "";
	snprintf(path, sizeof(path), "%s/%s", hierarchy, name);
	int fd = open(path, O_RDONLY | O_CLOEXEC);
	if (fd < 0)
		return;
	ssize_t n = read(fd, value, sizeof(value) - 1);
	close(fd);
	snprintf(path, sizeof(path), "%s/%s", group, name);
	if (n > 0)
		put(path, value);
}

static void limit(const char *name, const char *value)
{
	for (int i = 0; i < groups_used; i++) {
		char path[2700];
		snprintf(path, sizeof(path), "%s/%s", groups[i], name);
		if (access(path, W_OK) == 0)
			put(path, value);
	}
}

static void make_groups(void)
{
	static const char *const v1[] = {"cpu", "cpuacct", "cpuset", "memory", "devices", "freezer", "blkio", "pids"};
	if (access("/sys/fs/cgroup/cgroup.controllers", F_OK) == 0)
		add_group("/sys/fs/cgroup");
	for (size_t i = 0; i < sizeof(v1) / sizeof(v1[0]) && groups_used == (int)i; i++) {
		char hierarchy[64];
		snprintf(hierarchy, sizeof(hierarchy), "/sys/fs/cgroup/%s", v1[i]);
		add_group(hierarchy);
		if (strcmp(v1[i], "cpuset") == 0 && groups_used > 0) {
			copy_setting(hierarchy, groups[groups_used - 1], "cpuset.cpus");
			copy_setting(hierarchy, groups[groups_used - 1], "cpuset.mems");
		}
	}
	limit("memory.limit_in_bytes", "67108864");
	limit("memory.max", "67108864");
	limit("pids.max", "64");
}

static void enter_groups(void)
{
	for (int i = 0; i < groups_used; i++) {
		char path[2700];
		snprintf(path, sizeof(path), "%s/cgroup.procs", groups[i]);
		put(path, "0");
	}
}

/* --- the root file system ------------------------------------------------------------------------------------------------- */

static int shifted(const char *path, int user)
{
	int tree = (int)NEED(open_tree(AT_FDCWD, path, OPEN_TREE_CLONE | OPEN_TREE_CLOEXEC));
	struct mount_attr attr = {.attr_set = MOUNT_ATTR_IDMAP, .userns_fd = (unsigned long long)user};
	NEED(mount_setattr(tree, "", AT_EMPTY_PATH, &attr, sizeof(attr)));
	return tree;
}

static void as_owner(uid_t id)
{
	NEED(prctl(PR_SET_SECUREBITS, SECBIT_NO_SETUID_FIXUP, 0, 0, 0));
	setfsgid(id);
	setfsuid(id);
	NEED(prctl(PR_SET_SECUREBITS, 0, 0, 0, 0));
}

static int make_overlay(const char *lower, const char *folder, int user)
{
	int layer = shifted(lower, user);
	int container = shifted(folder, user);
	int fs = (int)NEED(fsopen("overlay", FSOPEN_CLOEXEC));
	NEED(fsconfig(fs, FSCONFIG_SET_FD, "lowerdir+", NULL, layer));
	NEED(fsconfig(fs, FSCONFIG_SET_FD, "upperdir", NULL, (int)NEED(openat(container, "u", O_PATH | O_CLOEXEC))));
	NEED(fsconfig(fs, FSCONFIG_SET_FD, "workdir", NULL, (int)NEED(openat(container, "w", O_PATH | O_CLOEXEC))));
	as_owner(ID_BASE);
	NEED(fsconfig(fs, FSCONFIG_CMD_CREATE, NULL, NULL, 0));
	as_owner(0);
	return (int)NEED(fsmount(fs, FSMOUNT_CLOEXEC, MOUNT_ATTR_NODEV));
}

static void mount_new(const char *type, const char *path, const char *options, unsigned long flags)
{
	char target[64];
	snprintf(target, sizeof(target), "./%s", path);
	if (mkdir(target, 0755) < 0 && errno != EEXIST)
		NEED(-1);
	NEED(mount("none", target, type, flags, options));
}

static void bind_node(const char *name)
{
	char from[64];
	char to[64];
	snprintf(from, sizeof(from), "/dev/%s", name);
	snprintf(to, sizeof(to), "./dev/%s", name);
	close((int)NEED(open(to, O_CREAT | O_WRONLY | O_CLOEXEC, 0644)));
	NEED(mount(from, to, NULL, MS_BIND, NULL));
}

static void mount_cgroups(void)
{
	const unsigned long flags = MS_NOSUID | MS_NODEV | MS_NOEXEC | MS_RDONLY;
	if (groups_used == 1) {
		NEED(mount("none", "./sys/fs/cgroup", "cgroup2", flags, NULL));
		return;
	}
	NEED(mount("none", "./sys/fs/cgroup", "tmpfs", flags & ~MS_RDONLY, "mode=755,size=64k"));
	for (int i = 0; i < groups_used; i++) {
		char name[64];
		char path[96];
		const char *start = groups[i] + strlen("/sys/fs/cgroup/");
		snprintf(name, sizeof(name), "%.*s", (int)strcspn(start, "/"), start);
		snprintf(path, sizeof(path), "./sys/fs/cgroup/%s", name);
		NEED(mkdir(path, 0755));
		NEED(mount("none", path, "cgroup", flags, name));
	}
}

static void protect(void)
{
	static const char *const masked[] = {"proc/interrupts", "proc/kcore", "proc/keys", "proc/latency_stats", "proc/sched_debug", "proc/timer_list"};
	static const char *const read_only[] = {"proc/bus", "proc/fs", "proc/irq", "proc/sys", "proc/sysrq-trigger"};
	for (size_t i = 0; i < sizeof(masked) / sizeof(masked[0]); i++)
		if (mount("/dev/null", masked[i], NULL, MS_BIND, NULL) < 0 && errno != ENOENT)
			NEED(-1);
	for (size_t i = 0; i < sizeof(read_only) / sizeof(read_only[0]); i++)
		if (mount(read_only[i], read_only[i], NULL, MS_BIND | MS_REC, NULL) == 0)
			NEED(mount(NULL, read_only[i], NULL, MS_BIND | MS_REMOUNT | MS_RDONLY | MS_NOSUID | MS_NODEV | MS_NOEXEC, NULL));
}

static void build_root(int root)
{
	static const char *const nodes[] = {"null", "zero", "full", "random", "urandom", "tty"};
	const unsigned long safe = MS_NOSUID | MS_NODEV | MS_NOEXEC;
	NEED(mount(NULL, "/", NULL, MS_REC | MS_PRIVATE, NULL));
	NEED(move_mount(root, "", AT_FDCWD, "/", MOVE_MOUNT_F_EMPTY_PATH));
	NEED(fchdir(root));
	mount_new("proc", "proc", NULL, safe);
	mount_new("tmpfs", "dev", "mode=755,size=65536k", MS_NOSUID | MS_NOEXEC);
	for (size_t i = 0; i < sizeof(nodes) / sizeof(nodes[0]); i++)
		bind_node(nodes[i]);
	mount_new("devpts", "dev/pts", "newinstance,ptmxmode=0666,mode=0620,gid=5", MS_NOSUID | MS_NOEXEC);
	mount_new("mqueue", "dev/mqueue", NULL, safe);
	mount_new("tmpfs", "dev/shm", "mode=1777,size=64m", safe);
	mount_new("sysfs", "sys", NULL, safe | MS_RDONLY);
	mount_cgroups();
	protect();
	NEED(sethostname("floor", 5));
	NEED(syscall(SYS_pivot_root, ".", "."));
	NEED(umount2(".", MNT_DETACH));
	NEED(chdir("/"));
}

/* --- the process ---------------------------------------------------------------------------------------------------------- */

static void drop_capabilities(void)
{
	const uint64_t kept = 0xa80425fbULL;
	for (int cap = 0; prctl(PR_CAPBSET_READ, cap, 0, 0, 0) >= 0; cap++)
		if (!(kept >> cap & 1))
			NEED(prctl(PR_CAPBSET_DROP, cap, 0, 0, 0));
}

/* About as much as a compiled default profile compares for one call; a jump reaches 255 instructions. */
static void filter_calls(void)
{
	enum { COMPARISONS = 200 };
	static struct sock_filter program[COMPARISONS + 3];
	int n = 0;
	program[n++] = (struct sock_filter)BPF_STMT(BPF_LD | BPF_W | BPF_ABS, offsetof(struct seccomp_data, nr));
	for (int i = 0; i < COMPARISONS; i++)
		program[n++] = (struct sock_filter)BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, (unsigned int)(100000 + i), (unsigned char)(COMPARISONS - i), 0);
	program[n++] = (struct sock_filter)BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ALLOW);
	program[n++] = (struct sock_filter)BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ERRNO | EPERM);
	struct sock_fprog filter = {.len = (unsigned short)n, .filter = program};
	NEED(prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0));
	NEED(syscall(SYS_seccomp, SECCOMP_SET_MODE_FILTER, 0, &filter));
}

static _Noreturn void container(int root, char **command)
{
	NEED(unshare(CLONE_NEWCGROUP));
	build_root(root);
	drop_capabilities();
	filter_calls();
	NEED(close_range(3, ~0U, 4));
	execv(command[0], command);
	NEED(-1);
	_exit(125);
}

static int run(int root, int user, int net, char **command)
{
	int status;
	pid_t middle = (pid_t)NEED(fork());
	if (middle == 0) {
		enter_groups();
		NEED(setns(net, CLONE_NEWNET));
		NEED(setns(user, CLONE_NEWUSER));
		NEED(setresgid(0, 0, 0));
		NEED(setgroups(0, NULL));
		NEED(setresuid(0, 0, 0));
		struct clone_args args = {.flags = CLONE_PARENT | CLONE_NEWNS | CLONE_NEWPID | CLONE_NEWIPC | CLONE_NEWUTS};
		if (NEED(syscall(SYS_clone3, &args, sizeof(args))) == 0)
			container(root, command);
		_exit(0);
	}
	NEED(waitpid(middle, &status, 0));
	if (status != 0)
		return 125;
	NEED(waitpid(-1, &status, 0));
	return WIFEXITED(status) ? WEXITSTATUS(status) : 128 + WTERMSIG(status);
}

static void remove_work(const char *folder)
{
	char path[4096];
	snprintf(path, sizeof(path), "%.4000s/w/work", folder);
	rmdir(path);
	const char *const names[] = {"w", "u/proc", "u/dev", "u/sys", "u"};
	for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++) {
		snprintf(path, sizeof(path), "%.4000s/%s", folder, names[i]);
		rmdir(path);
	}
	rmdir(folder);
}

int main(int argc, char **argv)
{
	char folder[4096];
	char path[4200];
	int user, net;
	if (argc < 3) {
		fputs("usage: gantry-floor LOWERDIR COMMAND [ARGUMENT]...\n", stderr);
		return 2;
	}
	snprintf(folder, sizeof(folder), "%.4000s/../floor-%d", argv[1], (int)getpid());
	NEED(mkdir(folder, 0755));
	snprintf(path, sizeof(path), "%s/u", folder);
	NEED(mkdir(path, 0755));
	snprintf(path, sizeof(path), "%s/w", folder);
	NEED(mkdir(path, 0755));
	make_pair(&user, &net);
	make_groups();
	int code = run(make_overlay(argv[1], folder, user), user, net, argv + 2);
	for (int i = 0; i < groups_used; i++)
		rmdir(groups[i]);
	remove_work(folder);
	return code;
}
