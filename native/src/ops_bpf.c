/*
 * Device rules of a cgroup v2 group: a BPF_PROG_TYPE_CGROUP_DEVICE program that the engine has assembled is verified by the
 * kernel and attached to the group, instead of the one attached before. bpf(2); kernel 4.15, replacing 5.6.
 */
#include <linux/bpf.h>
#include <stdlib.h>
#include <sys/syscall.h>

#include "core.h"

/* A program of the default rules and 64 more has below 1000 instructions. */
#define MAX_PROGRAM_BYTES (4096 * sizeof(struct bpf_insn))

static int sys_bpf(enum bpf_cmd cmd, union bpf_attr *attr)
{
	return (int)syscall(SYS_bpf, cmd, attr, sizeof(*attr));
}

static int hex_digit(char c)
{
	if (c >= '0' && c <= '9')
		return c - '0';
	return c >= 'a' && c <= 'f' ? c - 'a' + 10 : -1;
}

/* Length in bytes, or 0 when `hex` is not a whole number of instructions. */
static size_t decode_program(const char *hex, unsigned char *out)
{
	size_t length = strlen(hex) / 2;
	if (strlen(hex) % (2 * sizeof(struct bpf_insn)) != 0 || length > MAX_PROGRAM_BYTES)
		return 0;
	for (size_t i = 0; i < length; i++) {
		int high = hex_digit(hex[2 * i]), low = hex_digit(hex[2 * i + 1]);
		if (high < 0 || low < 0)
			return 0;
		out[i] = (unsigned char)(high << 4 | low);
	}
	return length;
}

static int load_program(const unsigned char *program, size_t length)
{
	static const char license[] = "Apache-2.0";
	union bpf_attr attr = {0};
	attr.prog_type = BPF_PROG_TYPE_CGROUP_DEVICE;
	attr.insn_cnt = (uint32_t)(length / sizeof(struct bpf_insn));
	attr.insns = (uint64_t)(uintptr_t)program;
	attr.license = (uint64_t)(uintptr_t)license;
	memcpy(attr.prog_name, "gantry_devices", sizeof("gantry_devices"));
	return sys_bpf(BPF_PROG_LOAD, &attr);
}

/* Descriptor of the program attached to the group itself, or -1 when there is none. */
static int attached_program(int group)
{
	uint32_t ids[8];
	union bpf_attr query = {0};
	query.query.target_fd = (uint32_t)group;
	query.query.attach_type = BPF_CGROUP_DEVICE;
	query.query.prog_ids = (uint64_t)(uintptr_t)ids;
	query.query.prog_cnt = ARRAY_SIZE(ids);
	if (sys_bpf(BPF_PROG_QUERY, &query) < 0 || query.query.prog_cnt == 0)
		return -1;
	union bpf_attr by_id = {0};
	by_id.prog_id = ids[0];
	return sys_bpf(BPF_PROG_GET_FD_BY_ID, &by_id);
}

/* bpf.device GROUP_DIR HEX: the program takes the place of the group's former one */
int op_bpf_device(struct op_ctx *ctx, char **args, int n)
{
	(void)n;
	static unsigned char bytes[MAX_PROGRAM_BYTES];
	size_t length = decode_program(args[1], bytes);
	if (length == 0)
		return op_fail(ctx, EINVAL, "device program is not a row of hexadecimal instructions");
	fd_auto int group = open(args[0], O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	if (group < 0)
		return op_fail(ctx, errno, "open %s", args[0]);
	fd_auto int program = load_program(bytes, length);
	if (program < 0)
		return op_fail(ctx, errno, "load the device program of %s", args[0]);
	fd_auto int former = attached_program(group);
	union bpf_attr attach = {0};
	attach.target_fd = (uint32_t)group;
	attach.attach_bpf_fd = (uint32_t)program;
	attach.attach_type = BPF_CGROUP_DEVICE;
	attach.attach_flags = BPF_F_ALLOW_MULTI;
	if (former >= 0) {
		attach.attach_flags |= BPF_F_REPLACE;
		attach.replace_bpf_fd = (uint32_t)former;
	}
	if (sys_bpf(BPF_PROG_ATTACH, &attach) < 0)
		return op_fail(ctx, errno, "attach the device program to %s", args[0]);
	return 0;
}
