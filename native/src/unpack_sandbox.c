/* What gantry-unpack and gantry-archive load, and then give up, before they read a byte of their input. */
#include "unpack.h"

#include <err.h>
#include <errno.h>
#include <fcntl.h>
#include <iconv.h>
#include <linux/audit.h>
#include <linux/capability.h>
#include <linux/filter.h>
#include <linux/seccomp.h>
#include <locale.h>
#include <openssl/crypto.h>
#include <openssl/evp.h>
#include <pthread.h>
#include <sched.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <sys/mount.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/syscall.h>
#include <unistd.h>

uint64_t parse_number(const char *text)
{
	char *end;
	errno = 0;
	unsigned long long value = strtoull(text, &end, 10);
	if (errno || *end || end == text)
		errx(2, "not a number: %s", text);
	return value;
}

static void *nothing(void *unused)
{
	return unused;
}

void sandbox_load_early(void)
{
	/* Names are bytes; in a UTF-8 locale libarchive passes them through instead of converting them. */
	if (!setlocale(LC_CTYPE, "C.UTF-8"))
		errx(2, "the locale C.UTF-8 is missing (part of libc-bin)");
	iconv_t utf8 = iconv_open("UTF-8", "UTF-8");
	if (utf8 != (iconv_t)-1)
		iconv_close(utf8);
	OPENSSL_init_crypto(OPENSSL_INIT_NO_LOAD_CONFIG, NULL);
	EVP_MD_CTX *hash = EVP_MD_CTX_new();
	if (!hash || EVP_DigestInit_ex(hash, EVP_sha256(), NULL) != 1)
		errx(2, "libcrypto has no SHA-256");
	EVP_MD_CTX_free(hash);
	/* glibc opens libgcc_s when a thread ends early; one that has ended makes it do so now. */
	pthread_t thread;
	if (pthread_create(&thread, NULL, nothing, NULL) == 0)
		pthread_join(thread, NULL);
}

void sandbox_limits(void)
{
	struct rlimit files;
	if (getrlimit(RLIMIT_NOFILE, &files) == 0) {
		files.rlim_cur = files.rlim_max;
		setrlimit(RLIMIT_NOFILE, &files);
	}
	setrlimit(RLIMIT_CORE, &(struct rlimit){0, 0});
#ifndef __SANITIZE_ADDRESS__
	/* Bounds the window that a compressed stream can ask its reader to keep. ASan maps terabytes. */
	setrlimit(RLIMIT_AS, &(struct rlimit){1ull << 30, 1ull << 30});
#endif
	umask(0);
	close_range(UNPACK_REPORT_FD + 1, ~0u, 0);
}

void sandbox_namespace(void)
{
	if (unshare(CLONE_NEWNS | CLONE_NEWNET | CLONE_NEWIPC) < 0)
		fail(KIND_IO, "unshare", errno, "cannot make namespaces of its own");
	if (mount(NULL, "/", NULL, MS_REC | MS_PRIVATE, NULL) < 0)
		fail(KIND_IO, "mount private", errno, "cannot make the mounts private");
}

int sandbox_enter(const char *target)
{
	if (mount(target, target, NULL, MS_BIND, NULL) < 0)
		fail(KIND_IO, "bind target", errno, "cannot bind %s", target);
	/* noexec: no library can be loaded from what is being written (as in CVE-2019-14271); device files stay inert. */
	if (mount(NULL, target, NULL, MS_REMOUNT | MS_BIND | MS_NOSUID | MS_NODEV | MS_NOEXEC, NULL) < 0)
		fail(KIND_IO, "remount target", errno, "cannot restrict the mount of %s", target);
	int root = open(target, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
	if (root < 0)
		fail(KIND_IO, "open target", errno, "cannot open %s", target);
	/* pivot_root(".", "."): the old root comes to lie over the new one and is detached (pivot_root(2), NOTES). */
	if (fchdir(root) < 0 || syscall(SYS_pivot_root, ".", ".") < 0 || umount2(".", MNT_DETACH) < 0 || chdir("/") < 0)
		fail(KIND_IO, "pivot_root", errno, "cannot make %s the root", target);
	return root;
}

/* SYS_ADMIN is for the trusted.overlay.opaque attribute alone; the system calls that it opens otherwise are not in the list below. */
#define KEPT_CAPABILITIES                                                                                                                  \
	((1u << CAP_CHOWN) | (1u << CAP_DAC_OVERRIDE) | (1u << CAP_FOWNER) | (1u << CAP_FSETID) | (1u << CAP_MKNOD) |  \
	 (1u << CAP_SYS_ADMIN) | (1u << CAP_SETFCAP))

static void keep_capabilities(void)
{
	struct __user_cap_header_struct header = {.version = _LINUX_CAPABILITY_VERSION_3};
	struct __user_cap_data_struct data[2] = {0};
	if (syscall(SYS_capget, &header, data) < 0)
		fail(KIND_IO, "capget", errno, "cannot read the capabilities");
	data[0].effective = data[0].permitted &= KEPT_CAPABILITIES;
	data[1].effective = data[1].permitted = 0;
	data[0].inheritable = data[1].inheritable = 0;
	if (prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) < 0 || syscall(SYS_capset, &header, data) < 0)
		fail(KIND_IO, "capset", errno, "cannot drop capabilities");
}

#ifndef SYS_poll /* not on newer architectures, where poll(3) uses ppoll */
#define SYS_poll SYS_ppoll
#endif
static const unsigned allowed_calls[] = {
	/* data */
	SYS_read, SYS_poll, SYS_write, SYS_pwrite64, SYS_lseek, SYS_ftruncate, SYS_sync_file_range, SYS_syncfs, SYS_copy_file_range, SYS_sendfile,
	/* names and attributes, relative to descriptors */
	SYS_openat, SYS_openat2, SYS_close, SYS_fstat, SYS_newfstatat, SYS_statx, SYS_fstatfs, SYS_getdents64, SYS_readlinkat, SYS_mkdirat,
	SYS_mknodat, SYS_symlinkat, SYS_linkat, SYS_unlinkat, SYS_fchmod, SYS_fchown, SYS_fchownat, SYS_utimensat, SYS_fsetxattr,
	SYS_fgetxattr, SYS_flistxattr, SYS_fcntl, SYS_dup,
	/* memory, threads, time, end */
	SYS_mmap, SYS_munmap, SYS_mprotect, SYS_mremap, SYS_madvise, SYS_brk, SYS_futex, SYS_clone3, SYS_clone, SYS_set_robust_list, SYS_rseq,
	SYS_rt_sigaction, SYS_rt_sigprocmask, SYS_rt_sigreturn, SYS_sched_yield, SYS_sched_getaffinity, SYS_getpid, SYS_gettid, SYS_tgkill, SYS_getrandom, SYS_clock_gettime,
	SYS_gettimeofday, SYS_exit, SYS_exit_group,
};
#define CALLS (sizeof allowed_calls / sizeof *allowed_calls)

#if defined(__x86_64__)
#define NATIVE_ARCH AUDIT_ARCH_X86_64
#elif defined(__aarch64__)
#define NATIVE_ARCH AUDIT_ARCH_AARCH64
#endif

static void allow_listed_calls(void)
{
	struct sock_filter code[CALLS + 16];
	unsigned short n = 0;
	code[n++] = (struct sock_filter)BPF_STMT(BPF_LD | BPF_W | BPF_ABS, offsetof(struct seccomp_data, arch));
	code[n++] = (struct sock_filter)BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, NATIVE_ARCH, 1, 0);
	code[n++] = (struct sock_filter)BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_KILL_PROCESS);
	code[n++] = (struct sock_filter)BPF_STMT(BPF_LD | BPF_W | BPF_ABS, offsetof(struct seccomp_data, nr));
	/* What is loaded is loaded: no library of the other side's can become a part of this process (CVE-2019-14271). */
	code[n++] = (struct sock_filter)BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, SYS_mmap, 1, 0);
	code[n++] = (struct sock_filter)BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, SYS_mprotect, 0, 3);
	code[n++] = (struct sock_filter)BPF_STMT(BPF_LD | BPF_W | BPF_ABS, offsetof(struct seccomp_data, args[2]));
	code[n++] = (struct sock_filter)BPF_JUMP(BPF_JMP | BPF_JSET | BPF_K, PROT_EXEC, 0, 1);
	code[n++] = (struct sock_filter)BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ERRNO | EPERM);
	code[n++] = (struct sock_filter)BPF_STMT(BPF_LD | BPF_W | BPF_ABS, offsetof(struct seccomp_data, nr));
	for (size_t i = 0; i < CALLS; i++)
		code[n++] = (struct sock_filter)BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, allowed_calls[i], (unsigned char)(CALLS - i), 0);
	code[n++] = (struct sock_filter)BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ERRNO | EPERM);
	code[n++] = (struct sock_filter)BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ALLOW);
	struct sock_fprog program = {.len = n, .filter = code};
#ifdef __SANITIZE_ADDRESS__
	return; /* the sanitizer's own calls are not in the list */
#endif
	if (prctl(PR_SET_SECCOMP, SECCOMP_MODE_FILTER, &program, 0, 0) < 0)
		fail(KIND_IO, "seccomp", errno, "cannot restrict the system calls");
}

void sandbox_close(void)
{
	keep_capabilities();
	allow_listed_calls();
}
