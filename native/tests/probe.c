/*
 * Asks the kernel, from inside a container, for what the default profile refuses. Prints `NAME ERRNO` for each, so that the test
 * sees the filter's answer and not a program's idea of it.
 */
#define _GNU_SOURCE
#include <errno.h>
#include <sched.h>
#include <stdio.h>
#include <string.h>
#include <sys/personality.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <unistd.h>

static void tell(const char *name, long result)
{
	printf("%s %s\n", name, result >= 0 ? "allowed" : strerrorname_np(errno));
}

#if defined(__x86_64__)
/* The same number means another call in i386 mode: 102 is socketcall there, 16 bytes of arguments below 4 GiB. */
static long i386(long number, long a, long b)
{
	long result;
	__asm__ volatile("int $0x80" : "=a"(result) : "a"(number), "b"(a), "c"(b) : "memory", "cc", "r8", "r9", "r10", "r11");
	if ((int)result < 0 && (int)result > -4096) {
		errno = -(int)result;
		return -1;
	}
	return (int)result;
}
#endif

int main(void)
{
	char no_args[64] = {0};
	tell("socket-vsock", socket(40, SOCK_STREAM, 0));
	tell("socket-alg", socket(38, SOCK_SEQPACKET, 0));
	tell("socket-unix", socket(AF_UNIX, SOCK_STREAM, 0));
	tell("keyctl", syscall(SYS_keyctl, 0, -3, 0));
	tell("add_key", syscall(SYS_add_key, "user", "x", "y", 1, -3));
	tell("userfaultfd", syscall(SYS_userfaultfd, 0));
	tell("io_uring_setup", syscall(SYS_io_uring_setup, 1, no_args));
	tell("bpf", syscall(SYS_bpf, 0, no_args, sizeof(no_args)));
	tell("perf_event_open", syscall(SYS_perf_event_open, no_args, 0, -1, -1, 0));
	tell("mount", syscall(SYS_mount, "none", "/tmp", "tmpfs", 0, ""));
	tell("fsopen", syscall(SYS_fsopen, "tmpfs", 0));
	tell("open_tree", syscall(SYS_open_tree, -100, "/", 1));
	tell("setns", syscall(SYS_setns, 0, 0));
	tell("unshare-user", syscall(SYS_unshare, CLONE_NEWUSER));
	tell("clone-user", syscall(SYS_clone, CLONE_NEWUSER | CLONE_VM, 0, 0, 0, 0));
	tell("clone3", syscall(SYS_clone3, no_args, sizeof(no_args)));
	tell("open_by_handle_at", syscall(SYS_open_by_handle_at, -100, no_args, 0));
	tell("init_module", syscall(SYS_init_module, no_args, 0, ""));
	tell("kexec_load", syscall(SYS_kexec_load, 0, 0, 0, 0));
	tell("pidfd_getfd", syscall(SYS_pidfd_getfd, -1, 0, 0));
	tell("personality-0", syscall(SYS_personality, 0xffffffffUL));
	tell("personality-randomize", syscall(SYS_personality, (unsigned long)ADDR_NO_RANDOMIZE));
#if defined(__x86_64__)
	tell("i386-socketcall", i386(102, 1, 0));
	tell("i386-getpid", i386(20, 0, 0));
	tell("x32-mount", syscall(0x40000000 + SYS_mount, "none", "/tmp", "tmpfs", 0, ""));
#endif
	return 0;
}
