/* The `process` section: limits, identity, locks, environment and the command; all of it in init but where noted. */
#include <grp.h>
#include <linux/capability.h>
#include <linux/filter.h>
#include <linux/openat2.h>
#include <linux/seccomp.h>
#include <sched.h>
#include <signal.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/statfs.h>
#include <sys/syscall.h>

#include "start.h"

/* oom_score_adj N, by the intermediate as host root. Lowering needs CAP_SYS_RESOURCE: without it the value stays (proc(5)). */
static int oom_enter(struct start *start, struct planned *planned)
{
	const char *value = planned->args[0];
	if (write_file_at(AT_FDCWD, "/proc/thread-self/oom_score_adj", value, strlen(value)) < 0 && errno != EACCES && errno != EPERM)
		return op_fail(&start->ctx, errno, "set oom_score_adj %s", value);
	return 0;
}

int rlimit_number(const char *name)
{
	static const struct {
		const char *name;
		int resource;
	} limits[] = {
		{"as", RLIMIT_AS},         {"core", RLIMIT_CORE},       {"cpu", RLIMIT_CPU},       {"data", RLIMIT_DATA},
		{"fsize", RLIMIT_FSIZE},   {"locks", RLIMIT_LOCKS},     {"memlock", RLIMIT_MEMLOCK}, {"msgqueue", RLIMIT_MSGQUEUE},
		{"nice", RLIMIT_NICE},     {"nofile", RLIMIT_NOFILE},   {"nproc", RLIMIT_NPROC},   {"rss", RLIMIT_RSS},
		{"rtprio", RLIMIT_RTPRIO}, {"rttime", RLIMIT_RTTIME},   {"sigpending", RLIMIT_SIGPENDING}, {"stack", RLIMIT_STACK},
	};
	for (size_t i = 0; i < ARRAY_SIZE(limits); i++)
		if (strcmp(limits[i].name, name) == 0)
			return limits[i].resource;
	return -1;
}

/* rlimit NAME SOFT HARD, -1 unlimited */
static int rlimit_prepare(struct start *start, struct planned *planned)
{
	long long soft, hard;
	int resource = rlimit_number(planned->args[0]);
	if (resource < 0 || start->rlimits_used == MAX_RLIMITS)
		return op_fail(&start->ctx, EINVAL, "unknown limit %s", planned->args[0]);
	if (!op_number(&start->ctx, "soft limit", planned->args[1], -1, INT64_MAX, &soft) || !op_number(&start->ctx, "hard limit", planned->args[2], -1, INT64_MAX, &hard))
		return -1;
	start->rlimits[start->rlimits_used].resource = resource;
	start->rlimits[start->rlimits_used].soft = soft < 0 ? RLIM_INFINITY : (rlim_t)soft;
	start->rlimits[start->rlimits_used++].hard = hard < 0 ? RLIM_INFINITY : (rlim_t)hard;
	return 0;
}

/* Raising a hard limit is host root's right (and only with CAP_SYS_RESOURCE): the intermediate raises what it can. */
static int rlimit_enter(struct start *start, struct planned *planned)
{
	int resource = rlimit_number(planned->args[0]);
	struct rlimit now;
	for (int i = 0; i < start->rlimits_used; i++) {
		if (start->rlimits[i].resource != resource || getrlimit((__rlimit_resource_t)resource, &now) < 0 || start->rlimits[i].hard <= now.rlim_max)
			continue;
		struct rlimit raised = {.rlim_cur = now.rlim_cur, .rlim_max = start->rlimits[i].hard};
		if (setrlimit((__rlimit_resource_t)resource, &raised) < 0 && errno != EPERM && errno != EINVAL)
			return op_fail(&start->ctx, errno, "raise limit %s", planned->args[0]);
	}
	return 0;
}

/* The real values come last, clamped: a small one (nofile 3, fsize 0) must not break what is still to do. */
static int apply_rlimits(struct start *start)
{
	for (int i = 0; i < start->rlimits_used; i++) {
		__rlimit_resource_t resource = (__rlimit_resource_t)start->rlimits[i].resource;
		struct rlimit now;
		if (getrlimit(resource, &now) < 0)
			return op_fail(&start->ctx, errno, "read a limit");
		rlim_t hard = start->rlimits[i].hard < now.rlim_max ? start->rlimits[i].hard : now.rlim_max;
		rlim_t soft = start->rlimits[i].soft < hard ? start->rlimits[i].soft : hard;
		struct rlimit limit = {.rlim_cur = soft, .rlim_max = hard};
		if (setrlimit(resource, &limit) < 0)
			return op_fail(&start->ctx, errno, "set a limit");
	}
	return 0;
}

/* keyring NAME: keys of whoever started the agent are none of the container's (keyctl(2)) */
static int keyring_apply(struct start *start, struct planned *planned)
{
	(void)planned;
	const int join_session_keyring = 1;
	if (syscall(SYS_keyctl, join_session_keyring, NULL) < 0 && errno != ENOSYS)
		return op_fail(&start->ctx, errno, "make a session keyring");
	return 0;
}

/* cwd PATH: made when missing; entered by descriptor, and it must lie below our root (CVE-2024-21626) */
static int cwd_apply(struct start *start, struct planned *planned)
{
	char seen[4096];
	fd_auto int root = open("/", O_PATH | O_DIRECTORY | O_CLOEXEC);
	fd_auto int dir = root < 0 ? -1 : open_in_root(&start->ctx, root, planned->args[0], true, TARGET_DIR);
	if (dir < 0)
		return op_fail(&start->ctx, errno, "open working folder %s", planned->args[0]);
	if (fchdir(dir) < 0)
		return op_fail(&start->ctx, errno, "enter working folder %s", planned->args[0]);
	/* getcwd(2) says "(unreachable)…" for a folder outside the root. */
	if (syscall(SYS_getcwd, seen, sizeof(seen)) < 0 || seen[0] != '/')
		return op_fail(&start->ctx, EXDEV, "working folder %s is outside of the container", planned->args[0]);
	return 0;
}

static const char *const capability_names[] = {
	"CHOWN", "DAC_OVERRIDE", "DAC_READ_SEARCH", "FOWNER", "FSETID", "KILL", "SETGID", "SETUID", "SETPCAP", "LINUX_IMMUTABLE", "NET_BIND_SERVICE",
	"NET_BROADCAST", "NET_ADMIN", "NET_RAW", "IPC_LOCK", "IPC_OWNER", "SYS_MODULE", "SYS_RAWIO", "SYS_CHROOT", "SYS_PTRACE", "SYS_PACCT",
	"SYS_ADMIN", "SYS_BOOT", "SYS_NICE", "SYS_RESOURCE", "SYS_TIME", "SYS_TTY_CONFIG", "MKNOD", "LEASE", "AUDIT_WRITE", "AUDIT_CONTROL",
	"SETFCAP", "MAC_OVERRIDE", "MAC_ADMIN", "SYSLOG", "WAKE_ALARM", "BLOCK_SUSPEND", "AUDIT_READ", "PERFMON", "BPF", "CHECKPOINT_RESTORE",
};

static int parse_capabilities(struct start *start, const char *list, uint64_t *out)
{
	for (const char *at = list; *at;) {
		size_t length = strcspn(at, ",");
		size_t i = 0;
		while (i < ARRAY_SIZE(capability_names) && (strlen(capability_names[i]) != length || memcmp(capability_names[i], at, length) != 0))
			i++;
		if (i == ARRAY_SIZE(capability_names))
			return op_fail(&start->ctx, EINVAL, "unknown capability %.*s", (int)length, at);
		*out |= 1ULL << i;
		at += length + (at[length] == ',');
	}
	return 0;
}

/* caps LIST: the bounding set now; the other sets after the user is known */
static int caps_prepare(struct start *start, struct planned *planned)
{
	start->has_capabilities = true;
	return parse_capabilities(start, planned->args[0], &start->capabilities);
}

static int caps_apply(struct start *start, struct planned *planned)
{
	(void)planned;
	for (int cap = 0; prctl(PR_CAPBSET_READ, cap, 0, 0, 0) >= 0; cap++)
		if (!(start->capabilities & (1ULL << cap)) && prctl(PR_CAPBSET_DROP, cap, 0, 0, 0) < 0)
			return op_fail(&start->ctx, errno, "drop capability %d", cap);
	prctl(PR_CAP_AMBIENT, PR_CAP_AMBIENT_CLEAR_ALL, 0, 0, 0);
	return 0;
}

int set_capabilities(struct op_ctx *ctx, uint64_t set)
{
	struct __user_cap_header_struct header = {.version = _LINUX_CAPABILITY_VERSION_3};
	struct __user_cap_data_struct data[2] = {
		{.effective = (uint32_t)set, .permitted = (uint32_t)set},
		{.effective = (uint32_t)(set >> 32), .permitted = (uint32_t)(set >> 32)},
	};
	return syscall(SYS_capset, &header, data) < 0 ? op_fail(ctx, errno, "set capabilities") : 0;
}

/* apparmor PROFILE: taken on by the exec that follows (apparmor(7)); procfs is the container's own or checked to be one */
static int apparmor_apply(struct start *start, struct planned *planned)
{
	char words[300];
	struct statfs fs;
	fd_auto int proc = start->proc >= 0 ? fcntl(start->proc, F_DUPFD_CLOEXEC, 3) : open("/proc", O_PATH | O_DIRECTORY | O_CLOEXEC);
	if (proc < 0 || fstatfs(proc, &fs) < 0 || fs.f_type != PROC_MAGIC)
		return op_fail(&start->ctx, EINVAL, "/proc is not procfs");
	int n = snprintf(words, sizeof(words), "exec %s", planned->args[0]);
	if (write_file_at(proc, "thread-self/attr/apparmor/exec", words, (size_t)n) < 0 &&
	    (errno != ENOENT || write_file_at(proc, "thread-self/attr/exec", words, (size_t)n) < 0))
		return op_fail(&start->ctx, errno, "take on AppArmor profile %s", planned->args[0]);
	return 0;
}

static int no_new_privs_apply(struct start *start, struct planned *planned)
{
	(void)planned;
	return prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) < 0 ? op_fail(&start->ctx, errno, "set no_new_privs") : 0;
}

/* seccomp FILE: a compiled filter, read by the monitor as the file is the host's */
static int seccomp_prepare(struct start *start, struct planned *planned)
{
	start->seccomp = mmap(NULL, SECCOMP_BYTES, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	fd_auto int fd = open(planned->args[0], O_RDONLY | O_CLOEXEC);
	ssize_t n = fd < 0 || start->seccomp == MAP_FAILED ? -1 : read(fd, start->seccomp, SECCOMP_BYTES);
	if (n <= 0 || n % (ssize_t)sizeof(struct sock_filter) != 0)
		return op_fail(&start->ctx, n < 0 ? errno : EINVAL, "read filter %s", planned->args[0]);
	start->seccomp_count = (unsigned short)((size_t)n / sizeof(struct sock_filter));
	return 0;
}

static int seccomp_apply(struct start *start, struct planned *planned)
{
	(void)planned;
	struct sock_fprog program = {.len = start->seccomp_count, .filter = start->seccomp};
	if (syscall(SYS_seccomp, SECCOMP_SET_MODE_FILTER, SECCOMP_FILTER_FLAG_TSYNC, &program) != 0)
		return op_fail(&start->ctx, errno, "install the system call filter");
	return 0;
}

int add_env(struct start *start, char *entry)
{
	if (!start->env)
		start->env = (char **)(void *)buf_reserve((MAX_ENV + 2) * sizeof(char *)).data;
	if (!start->env || start->env_used == MAX_ENV)
		return op_fail(&start->ctx, E2BIG, "more than %d environment variables", MAX_ENV);
	start->env[start->env_used++] = entry;
	return 0;
}

/* env NAME=VALUE */
static int env_apply(struct start *start, struct planned *planned)
{
	return add_env(start, planned->args[0]);
}

const char *get_env(const struct start *start, const char *name)
{
	size_t length = strlen(name);
	for (int i = 0; i < start->env_used; i++)
		if (strncmp(start->env[i], name, length) == 0 && start->env[i][length] == '=')
			return start->env[i] + length + 1;
	return NULL;
}

/* env.hostname: HOSTNAME as the uts namespace has it */
static int env_hostname_apply(struct start *start, struct planned *planned)
{
	(void)planned;
	static char entry[9 + 65 + 1] = "HOSTNAME=";
	return gethostname(entry + 9, 65) < 0 ? op_fail(&start->ctx, errno, "read the host name") : add_env(start, entry);
}

static const char default_path[] = "/usr/local/bin:/usr/bin:/bin";

/* Tries each folder of PATH as execvp(3) does. Only comes back on failure, with the errno that says most. */
static int exec_in_path(struct start *start, char **args)
{
	const char *path = get_env(start, "PATH");
	char full[4096];
	int best = ENOENT;
	for (const char *at = path ? path : default_path; at; at = strchr(at, ':') ? strchr(at, ':') + 1 : NULL) {
		int length = (int)strcspn(at, ":");
		if (snprintf(full, sizeof(full), "%.*s%s%s", length, at, length ? "/" : "./", args[0]) >= (int)sizeof(full))
			continue;
		execve(full, args, start->env);
		/* A folder is no command; execve says EACCES of it too. */
		struct stat st;
		if (errno == EACCES && stat(full, &st) == 0 && S_ISDIR(st.st_mode))
			continue;
		if (errno != ENOENT && errno != ENOTDIR)
			best = errno;
		else if (access(full, F_OK) == 0)
			return ELIBBAD; /* the file is there: what is missing is its interpreter */
	}
	return best;
}

int exec_failed(struct start *start, const char *command, int err)
{
	struct stat st;
	bool missing = (err == ENOENT || err == ENOTDIR) && !(strchr(command, '/') && stat(command, &st) == 0);
	start->shared->exit_code = missing ? 127 : 126;
	if (missing)
		return op_fail(&start->ctx, err, strchr(command, '/') ? "command %s not found in the container" : "command %s not found in PATH of the container", command);
	if (err == ELIBBAD || err == ENOENT)
		return op_fail(&start->ctx, ENOENT, "command %s cannot be executed, its interpreter or loader is not in the container", command);
	return op_fail(&start->ctx, err, "command %s cannot be executed", command);
}

/* The monitor ignores much, and what is ignored stays ignored across exec. */
void default_signals(void)
{
	sigset_t none;
	sigemptyset(&none);
	for (int sig = 1; sig < 65; sig++)
		signal(sig, SIG_DFL);
	sigprocmask(SIG_SETMASK, &none, NULL);
}

int exec_command(struct start *start, char **args)
{
	if (!strchr(args[0], '/'))
		return args[0][0] ? exec_in_path(start, args) : ENOENT;
	execve(args[0], args, start->env);
	return errno;
}

static int may_execute(const char *path)
{
	struct stat st;
	if (stat(path, &st) < 0 || faccessat(AT_FDCWD, path, X_OK, AT_EACCESS) < 0)
		return errno;
	return S_ISDIR(st.st_mode) ? EACCES : 0; /* what execve says of a folder */
}

int find_command(const struct start *start, const char *command)
{
	const char *path = get_env(start, "PATH");
	char full[4096];
	int best = ENOENT;
	if (strchr(command, '/'))
		return may_execute(command);
	for (const char *at = path ? path : default_path; command[0] && at; at = strchr(at, ':') ? strchr(at, ':') + 1 : NULL) {
		int length = (int)strcspn(at, ":");
		if (snprintf(full, sizeof(full), "%.*s%s%s", length, at, length ? "/" : "./", command) >= (int)sizeof(full))
			continue;
		struct stat st;
		int err = may_execute(full);
		if (err == 0)
			return 0;
		if (err != ENOENT && err != ENOTDIR && !(stat(full, &st) == 0 && S_ISDIR(st.st_mode)))
			best = err;
	}
	return best;
}

/* exec COMMAND ARGUMENT… */
static int exec_apply(struct start *start, struct planned *planned)
{
	static char home[sizeof(start->home) + 5];
	snprintf(home, sizeof(home), "HOME=%s", start->home[0] ? start->home : "/");
	if (!get_env(start, "HOME") && add_env(start, home) < 0)
		return -1;
	/* args[n] is the next operation's first token or the end of the array: exec comes last, so it may be the end mark. */
	planned->args[planned->n] = NULL;
	if (close_range(3, ~0U, CLOSE_RANGE_CLOEXEC) < 0)
		return op_fail(&start->ctx, errno, "close descriptors");
	default_signals();
	umask(022);
	start->shared->execing = true;
	return exec_failed(start, planned->args[0], exec_command(start, planned->args));
}

/* user SPEC GROUP…: the last that needs files or rights, so streams and limits are settled with it */
static int user_and_streams_apply(struct start *start, struct planned *planned)
{
	if (user_apply(start, planned) < 0)
		return -1;
	prctl(PR_SET_PDEATHSIG, SIGKILL); /* a change of user took it away (prctl(2)) */
	return apply_rlimits(start);
}

const struct start_op process_ops[] = {
	{.name = "oom_score_adj", .min_args = 1, .enter = oom_enter},
	{.name = "rlimit", .min_args = 3, .prepare = rlimit_prepare, .enter = rlimit_enter},
	{.name = "keyring", .min_args = 1, .apply = keyring_apply},
	{.name = "console", .min_args = 0, .apply = console_apply},
	{.name = "cwd", .min_args = 1, .apply = cwd_apply},
	{.name = "caps", .min_args = 1, .prepare = caps_prepare, .apply = caps_apply},
	{.name = "user", .min_args = 1, .apply = user_and_streams_apply},
	{.name = "apparmor", .min_args = 1, .apply = apparmor_apply},
	{.name = "no_new_privs", .min_args = 0, .apply = no_new_privs_apply},
	{.name = "seccomp", .min_args = 1, .prepare = seccomp_prepare, .apply = seccomp_apply},
	{.name = "env", .min_args = 1, .apply = env_apply},
	{.name = "env.hostname", .min_args = 0, .apply = env_hostname_apply},
	{.name = "exec", .min_args = 1, .apply = exec_apply},
	{.name = NULL},
};
