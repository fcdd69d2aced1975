/*
 * gantry-seccomp: compiles a system call filter. Reads rules from standard input, writes BPF (struct sock_filter) to standard
 * output. The agent runs it once for each distinct profile and keeps the result, as compiling costs as much as a start.
 *
 *   default ACTION [ERRNO]
 *   arch NAME                         besides the native one, whose rules are the same
 *   rule ACTION ERRNO SYSCALL [INDEX OP VALUE VALUE2]…      OP: NE LT LE EQ GE GT MASKED_EQ
 *
 *   no-socketcall                     i386's socketcall is refused (EPERM), see below
 *
 * Names that an architecture does not have are left out. Exit status 0, 1 (libseccomp refused), 2 (malformed input).
 */
#include <errno.h>
#include <linux/audit.h>
#include <linux/filter.h>
#include <linux/seccomp.h>
#include <seccomp.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

static int line_number;

static _Noreturn void malformed(const char *what)
{
	fprintf(stderr, "gantry-seccomp: line %d: %s\n", line_number, what);
	exit(2);
}

static _Noreturn void refused(const char *what, int err)
{
	fprintf(stderr, "gantry-seccomp: line %d: %s: %s\n", line_number, what, strerror(-err));
	exit(1);
}

static char *word(char **rest)
{
	char *found;
	do
		found = strsep(rest, " \n");
	while (found && *found == '\0');
	return found;
}

static char *need(char **rest, const char *what)
{
	char *found = word(rest);
	if (!found)
		malformed(what);
	return found;
}

static uint32_t action(const char *name, unsigned int err)
{
	if (strcmp(name, "ALLOW") == 0)
		return SCMP_ACT_ALLOW;
	if (strcmp(name, "ERRNO") == 0)
		return SCMP_ACT_ERRNO(err);
	if (strcmp(name, "KILL_PROCESS") == 0)
		return SCMP_ACT_KILL_PROCESS;
	if (strcmp(name, "KILL_THREAD") == 0 || strcmp(name, "KILL") == 0)
		return SCMP_ACT_KILL_THREAD;
	if (strcmp(name, "TRAP") == 0)
		return SCMP_ACT_TRAP;
	if (strcmp(name, "LOG") == 0)
		return SCMP_ACT_LOG;
	if (strcmp(name, "TRACE") == 0)
		return SCMP_ACT_TRACE(err);
	if (strcmp(name, "NOTIFY") == 0)
		return SCMP_ACT_NOTIFY;
	malformed("unknown action");
}

static enum scmp_compare comparison(const char *name)
{
	static const char *const names[] = {"NE", "LT", "LE", "EQ", "GE", "GT", "MASKED_EQ"};
	static const enum scmp_compare values[] = {SCMP_CMP_NE, SCMP_CMP_LT, SCMP_CMP_LE, SCMP_CMP_EQ, SCMP_CMP_GE, SCMP_CMP_GT, SCMP_CMP_MASKED_EQ};
	for (size_t i = 0; i < sizeof(values) / sizeof(values[0]); i++)
		if (strcmp(names[i], name) == 0)
			return values[i];
	malformed("unknown comparison");
}

static void add_rule(scmp_filter_ctx filter, uint32_t default_action, char *rest)
{
	const char *verb = need(&rest, "rule without action");
	unsigned int err = (unsigned int)strtoul(need(&rest, "rule without errno"), NULL, 10);
	const char *name = need(&rest, "rule without system call");
	struct scmp_arg_cmp arguments[6];
	unsigned int count = 0;
	for (char *index; (index = word(&rest));) {
		if (count == 6)
			malformed("more than six arguments");
		enum scmp_compare op = comparison(need(&rest, "argument without comparison"));
		scmp_datum_t a = strtoull(need(&rest, "argument without value"), NULL, 10);
		scmp_datum_t b = strtoull(need(&rest, "argument without second value"), NULL, 10);
		arguments[count++] = (struct scmp_arg_cmp){.arg = (unsigned int)atoi(index), .op = op, .datum_a = a, .datum_b = b};
	}
	uint32_t wanted = action(verb, err);
	int number = seccomp_syscall_resolve_name(name);
	if (number == __NR_SCMP_ERROR || wanted == default_action)
		return; /* this libseccomp does not know it, so the default holds */
	int failed = seccomp_rule_add_array(filter, wanted, number, count, arguments);
	if (failed && failed != -EDOM && failed != -EEXIST)
		refused(name, failed);
}

static scmp_filter_ctx make_filter(uint32_t default_action)
{
	scmp_filter_ctx filter = seccomp_init(default_action);
	if (!filter)
		refused("make a filter", -ENOMEM);
	/* Modes of the processor that no `arch` names (x32) look like a kernel without them, instead of killing the process. */
	seccomp_attr_set(filter, SCMP_FLTATR_ACT_BADARCH, SCMP_ACT_ERRNO(ENOSYS));
	/* A binary tree instead of a list: libseccomp 2.5. Older ones say EINVAL and make a list. */
	seccomp_attr_set(filter, SCMP_FLTATR_CTL_OPTIMIZE, 2);
	return filter;
}

static void add_arch(scmp_filter_ctx filter, const char *name)
{
	uint32_t arch = seccomp_arch_resolve_name(name);
	int failed = arch == 0 ? -EINVAL : seccomp_arch_add(filter, arch);
	if (failed && failed != -EEXIST)
		refused(name, failed);
}

/*
 * socketcall(2) takes its arguments from memory, where a filter cannot look. libseccomp allows its forms together with the calls
 * they stand for, `socket` too whatever conditions that has: AF_VSOCK would be one int $0x80 away. So this goes before its program.
 */
static void refuse_socketcall(void)
{
#if defined(__x86_64__)
	const unsigned int i386_socketcall = 102;
	struct sock_filter guard[] = {
		BPF_STMT(BPF_LD | BPF_W | BPF_ABS, offsetof(struct seccomp_data, arch)),
		BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, AUDIT_ARCH_I386, 0, 3),
		BPF_STMT(BPF_LD | BPF_W | BPF_ABS, offsetof(struct seccomp_data, nr)),
		BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, i386_socketcall, 0, 1),
		BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ERRNO | EPERM),
	};
	if (write(STDOUT_FILENO, guard, sizeof(guard)) != (ssize_t)sizeof(guard))
		refused("write", -errno);
#endif
}

int main(void)
{
	char line[4096];
	scmp_filter_ctx filter = NULL;
	uint32_t default_action = 0;
	while (fgets(line, sizeof(line), stdin)) {
		char *rest = line;
		line_number++;
		char *verb = word(&rest);
		if (!verb)
			continue;
		if (strcmp(verb, "default") == 0 && !filter) {
			const char *name = need(&rest, "default without action");
			const char *err = word(&rest);
			default_action = action(name, err ? (unsigned int)strtoul(err, NULL, 10) : EPERM);
			filter = make_filter(default_action);
		} else if (!filter) {
			malformed("default must come first");
		} else if (strcmp(verb, "arch") == 0) {
			add_arch(filter, need(&rest, "arch without name"));
		} else if (strcmp(verb, "rule") == 0) {
			add_rule(filter, default_action, rest);
		} else if (strcmp(verb, "no-socketcall") == 0) {
			refuse_socketcall();
		} else {
			malformed("unknown word");
		}
	}
	if (!filter)
		malformed("empty input");
	int failed = seccomp_export_bpf(filter, STDOUT_FILENO);
	if (failed)
		refused("compile", failed);
	seccomp_release(filter);
	return 0;
}
