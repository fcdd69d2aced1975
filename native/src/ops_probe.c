/*
 * Probes for `gantry doctor`: each tries the thing itself, in a child that takes it away again as it ends, and tells the errno.
 * Nothing is asked by kernel version: distributions carry patches back and configure things out.
 */
#include <linux/if_link.h>
#include <linux/netfilter/nf_tables.h>
#include <linux/netfilter/nfnetlink.h>
#include <linux/rtnetlink.h>
#include <linux/seccomp.h>
#include <sched.h>
#include <signal.h>
#include <stdlib.h>
#include <sys/mount.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <sys/xattr.h>

#include "core.h"
#include "net_nl.h"

/* include/uapi/linux/mount.h, sched.h and the system call table; for headers older than 5.12 */
#define PROBE_FSCONFIG_SET_STRING 1
#define PROBE_FSCONFIG_CREATE 6
#define PROBE_OPEN_TREE_CLONE 1
#define PROBE_AT_EMPTY_PATH 0x1000
#define PROBE_ATTR_IDMAP 0x00100000
#ifndef CLONE_NEWTIME
#define CLONE_NEWTIME 0x00000080
#endif
#ifndef SYS_clone3
#define SYS_clone3 435
#endif
#ifndef SYS_landlock_create_ruleset
#define SYS_landlock_create_ruleset 444
#endif
#ifndef SYS_mount_setattr
#define SYS_mount_setattr 442
#endif

struct probe_attr {
	uint64_t attr_set, attr_clr, propagation, userns_fd;
};

static int try_namespace(char **args)
{
	static const struct {
		const char *name;
		int flag;
	} kinds[] = {{"mnt", CLONE_NEWNS},   {"pid", CLONE_NEWPID},   {"net", CLONE_NEWNET},       {"ipc", CLONE_NEWIPC},
		     {"uts", CLONE_NEWUTS},  {"user", CLONE_NEWUSER}, {"cgroup", CLONE_NEWCGROUP}, {"time", CLONE_NEWTIME}};
	for (size_t i = 0; i < ARRAY_SIZE(kinds); i++)
		if (args[0] && strcmp(args[0], kinds[i].name) == 0)
			return unshare(kinds[i].flag) < 0 ? errno : 0;
	return EINVAL;
}

static int set_option(int fs, const char *key, const char *value)
{
	return (int)syscall(SYS_fsconfig, fs, PROBE_FSCONFIG_SET_STRING, key, value, 0);
}

/* A mount of this type that is attached nowhere, or -1. */
static int detached_mount(int fs)
{
	if (syscall(SYS_fsconfig, fs, PROBE_FSCONFIG_CREATE, NULL, NULL, 0) < 0)
		return -1;
	return (int)syscall(SYS_fsmount, fs, 1 /* FSMOUNT_CLOEXEC */, 0);
}

static int try_mount_api(char **args)
{
	(void)args;
	fd_auto int fs = (int)syscall(SYS_fsopen, "tmpfs", 1 /* FSOPEN_CLOEXEC */);
	fd_auto int mount = fs < 0 ? -1 : detached_mount(fs);
	return mount < 0 ? errno : 0;
}

/* overlay LOWER UPPER WORK */
static int try_overlay(char **args)
{
	if (!args[0] || !args[1] || !args[2])
		return EINVAL;
	fd_auto int fs = (int)syscall(SYS_fsopen, "overlay", 1);
	if (fs < 0 || set_option(fs, "lowerdir", args[0]) < 0 || set_option(fs, "upperdir", args[1]) < 0 ||
	    set_option(fs, "workdir", args[2]) < 0)
		return errno;
	fd_auto int mount = detached_mount(fs);
	return mount < 0 ? errno : 0;
}

/* whiteout DIR: the two marks of deleted things that overlayfs reads, a device 0:0 and an attribute */
static int try_whiteout(char **args)
{
	char path[4096];
	if (!args[0] || snprintf(path, sizeof(path), "%s/.whiteout", args[0]) >= (int)sizeof(path))
		return EINVAL;
	if (mknod(path, S_IFCHR | 0600, 0) < 0)
		return errno;
	unlink(path);
	return setxattr(args[0], "trusted.overlay.opaque", "y", 1, 0) < 0 ? errno : 0;
}

static int try_quota(char **args)
{
	fd_auto int dir = args[0] ? open(args[0], O_RDONLY | O_DIRECTORY | O_CLOEXEC) : -1;
	if (dir < 0)
		return EINVAL;
	return quota_is_enforced(dir) ? 0 : EOPNOTSUPP;
}

static int write_map(pid_t pid, const char *file)
{
	char path[64];
	snprintf(path, sizeof(path), "/proc/%d/%s", (int)pid, file);
	return write_file_at(AT_FDCWD, path, "0 100000 65536", strlen("0 100000 65536"));
}

/* A user namespace that maps root to 100000; its first process ends with us. -1 with errno. */
static int mapped_user_namespace(void)
{
	int ready[2];
	if (pipe2(ready, O_CLOEXEC) < 0)
		return -1;
	pid_t pid = fork();
	if (pid == 0) {
		prctl(PR_SET_PDEATHSIG, SIGKILL);
		char failed = unshare(CLONE_NEWUSER) < 0 ? (char)errno : 0;
		if (write(ready[1], &failed, 1) == 1)
			pause();
		_exit(0);
	}
	char failed = 0;
	int fd = -1;
	if (pid > 0 && read(ready[0], &failed, 1) == 1 && failed == 0 && write_map(pid, "uid_map") == 0 && write_map(pid, "gid_map") == 0) {
		char path[64];
		snprintf(path, sizeof(path), "/proc/%d/ns/user", (int)pid);
		fd = open(path, O_RDONLY | O_CLOEXEC);
	}
	int err = failed ? failed : errno;
	close(ready[0]);
	close(ready[1]);
	if (pid > 0) {
		kill(pid, SIGKILL);
		waitpid(pid, NULL, 0);
	}
	errno = err;
	return fd;
}

/* idmap DIR: can mounts of DIR's file system shift ids? */
static int try_idmap(char **args)
{
	if (!args[0])
		return EINVAL;
	fd_auto int userns = mapped_user_namespace();
	if (userns < 0)
		return errno;
	fd_auto int tree = (int)syscall(SYS_open_tree, AT_FDCWD, args[0], PROBE_OPEN_TREE_CLONE | O_CLOEXEC);
	if (tree < 0)
		return errno;
	struct probe_attr attr = {.attr_set = PROBE_ATTR_IDMAP, .userns_fd = (uint64_t)userns};
	return syscall(SYS_mount_setattr, tree, "", PROBE_AT_EMPTY_PATH, &attr, sizeof(attr)) < 0 ? errno : 0;
}

/* seccomp ACTION (a number of linux/seccomp.h) */
static int try_seccomp(char **args)
{
	uint32_t action = args[0] ? (uint32_t)strtoul(args[0], NULL, 0) : SECCOMP_RET_ERRNO;
	return syscall(SYS_seccomp, SECCOMP_GET_ACTION_AVAIL, 0, &action) < 0 ? errno : 0;
}

static int try_no_new_privs(char **args)
{
	(void)args;
	return prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) < 0 ? errno : 0;
}

/* The first ABI version is told by errno 0; which one it is, is of no use to us yet. */
static int try_landlock(char **args)
{
	(void)args;
	return syscall(SYS_landlock_create_ruleset, NULL, 0, 1 /* VERSION */) < 0 ? errno : 0;
}

static int try_clone3(char **args)
{
	(void)args;
	/* Too small a structure is EINVAL where the call exists. */
	return syscall(SYS_clone3, NULL, 0) < 0 && errno != EINVAL ? errno : 0;
}

static int talk(int protocol, struct nl_message *message)
{
	fd_auto int fd = nl_open(protocol);
	struct nl_error error = {0};
	if (fd < 0)
		return errno;
	return nl_talk(fd, message, 1, &error) < 0 ? error.number : 0;
}

static struct nl_message probe_message;

/* link KIND, in a network namespace of its own */
static int try_link(char **args)
{
	if (!args[0] || unshare(CLONE_NEWNET) < 0)
		return args[0] ? errno : EINVAL;
	nl_reset(&probe_message);
	(void)nl_begin(&probe_message, RTM_NEWLINK, NLM_F_ACK | NLM_F_CREATE | NLM_F_EXCL, sizeof(struct ifinfomsg));
	nl_put_text(&probe_message, IFLA_IFNAME, "probe0");
	size_t info = nl_nest(&probe_message, IFLA_LINKINFO);
	nl_put_text(&probe_message, IFLA_INFO_KIND, args[0]);
	if (strcmp(args[0], "vxlan") == 0) {
		size_t data = nl_nest(&probe_message, IFLA_INFO_DATA);
		nl_put_u32(&probe_message, IFLA_VXLAN_ID, 42);
		nl_nest_end(&probe_message, data);
	}
	nl_nest_end(&probe_message, info);
	return talk(NETLINK_ROUTE, &probe_message);
}

/* nf_tables in a network namespace of its own: does it answer for its generation? */
static int try_nftables(char **args)
{
	(void)args;
	if (unshare(CLONE_NEWNET) < 0)
		return errno;
	nl_reset(&probe_message);
	struct nfgenmsg *header = nl_begin(&probe_message, NFNL_SUBSYS_NFTABLES << 8 | NFT_MSG_GETGEN, NLM_F_ACK, sizeof(*header));
	if (header)
		header->nfgen_family = AF_UNSPEC;
	return talk(NETLINK_NETFILTER, &probe_message);
}

static const struct {
	const char *name;
	int (*run)(char **args);
} probes[] = {
	{"namespace", try_namespace}, {"mount-api", try_mount_api},       {"overlay", try_overlay},   {"idmap", try_idmap}, {"whiteout", try_whiteout},
	{"seccomp", try_seccomp},     {"no-new-privs", try_no_new_privs}, {"landlock", try_landlock}, {"clone3", try_clone3},
	{"link", try_link},           {"nftables", try_nftables},         {"quota", try_quota},
};

/* probe WHAT [ARGUMENT...]: the result is `ok` or the errno's name; the operation itself does not fail */
int op_probe(struct op_ctx *ctx, char **args, int n)
{
	char *rest[4] = {0};
	for (int i = 1; i < n && i < 4; i++)
		rest[i - 1] = args[i];
	for (size_t i = 0; i < ARRAY_SIZE(probes); i++) {
		if (strcmp(args[0], probes[i].name) != 0)
			continue;
		pid_t pid = fork();
		if (pid < 0)
			return op_fail(ctx, errno, "fork for the probe of %s", args[0]);
		if (pid == 0)
			_exit(probes[i].run(rest));
		int status;
		while (waitpid(pid, &status, 0) < 0)
			if (errno != EINTR)
				return op_fail(ctx, errno, "wait for the probe of %s", args[0]);
		if (WIFSIGNALED(status))
			return op_result(ctx, "signal %d", WTERMSIG(status));
		return op_result(ctx, "%s", WEXITSTATUS(status) == 0 ? "ok" : errno_name(WEXITSTATUS(status)));
	}
	return op_fail(ctx, EINVAL, "unknown probe %s", args[0]);
}
