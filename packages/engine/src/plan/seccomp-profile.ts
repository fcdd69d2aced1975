/**
 * Gantry's own default system call profile, as data in docker's JSON shape, so that users can start from it.
 *
 * Deny by default (EPERM). Allowed is what programs need and what acts on nothing but the caller's own objects; what can change
 * the machine is allowed only with the capability that the kernel asks for anyway; what has been a way out of containers, or is
 * obsolete, is never allowed. i386 numbers are filtered by the same rules; x32 is not there (ENOSYS).
 */
export interface SeccompRule {
  readonly names: readonly string[]
  readonly action: string
  readonly errnoRet?: number
  readonly args?: readonly SeccompArgument[]
  readonly includes?: SeccompCondition
  readonly excludes?: SeccompCondition
}
export interface SeccompArgument {
  readonly index: number
  readonly value: number
  readonly valueTwo?: number
  readonly op: string
}
export interface SeccompCondition {
  /** `CAP_X`; all of them (includes), any of them (excludes). */
  readonly caps?: readonly string[]
  /** Go's or libseccomp's names. */
  readonly arches?: readonly string[]
  /** `4.8` */
  readonly minKernel?: string
}
export interface SeccompProfile {
  readonly defaultAction: string
  readonly defaultErrnoRet?: number
  readonly archMap?: readonly { readonly architecture: string; readonly subArchitectures?: readonly string[] | null }[]
  readonly architectures?: readonly string[]
  readonly syscalls: readonly SeccompRule[]
}

const list = (text: string): string[] => text.split(/\s+/).filter((name) => name !== '')
const allow = (names: string, conditions: Omit<SeccompRule, 'names' | 'action'> = {}): SeccompRule => ({
  names: list(names),
  action: 'SCMP_ACT_ALLOW',
  ...conditions,
})
/** Needs one of these capabilities: a rule for each. */
const gated = (names: string, ...caps: string[]): SeccompRule[] => caps.map((cap) => allow(names, { includes: { caps: [`CAP_${cap}`] } }))

const ENOSYS = 38
/** CLONE_NEWNS, NEWCGROUP, NEWUTS, NEWIPC, NEWUSER, NEWPID, NEWNET: every namespace clone(2) can make. */
const CLONE_NAMESPACES = 0x7e020000
const AF_ALG = 38
/** Vsock has no namespace: it would reach the hypervisor. */
const AF_VSOCK = 40
/** personality(2): PER_LINUX, PER_LINUX32, with and without UNAME26, and 0xffffffff, which only asks. */
const personalities = [0, 8, 0x20000, 0x20008, 0xffffffff]

const everybody = `
  _llseek _newselect accept accept4 access adjtimex alarm arch_prctl bind brk cachestat capget capset chdir chmod chown chown32
  clock_adjtime clock_adjtime64 clock_getres clock_getres_time64 clock_gettime clock_gettime64 clock_nanosleep
  clock_nanosleep_time64 close close_range connect copy_file_range creat dup dup2 dup3 epoll_create epoll_create1 epoll_ctl
  epoll_pwait epoll_pwait2 epoll_wait eventfd eventfd2 execve execveat exit exit_group faccessat faccessat2 fadvise64 fadvise64_64
  fallocate fanotify_mark fchdir fchmod fchmodat fchmodat2 fchown fchown32 fchownat fcntl fcntl64 fdatasync fgetxattr flistxattr
  flock fork fremovexattr fsetxattr fstat fstat64 fstatat fstatat64 fstatfs fstatfs64 fsync ftruncate ftruncate64 futex
  futex_requeue futex_time64 futex_wait futex_waitv futex_wake futimesat get_robust_list get_thread_area getcpu getcwd getdents
  getdents64 getegid getegid32 geteuid geteuid32 getgid getgid32 getgroups getgroups32 getitimer getpeername getpgid getpgrp getpid
  getppid getpriority getrandom getresgid getresgid32 getresuid getresuid32 getrlimit getrusage getsid getsockname getsockopt gettid
  gettimeofday getuid getuid32 getxattr inotify_add_watch inotify_init inotify_init1 inotify_rm_watch io_cancel io_destroy
  io_getevents io_pgetevents io_pgetevents_time64 io_setup io_submit ioctl ioprio_get ioprio_set ipc kill landlock_add_rule
  landlock_create_ruleset landlock_restrict_self lchown lchown32 lgetxattr link linkat listen listmount listxattr llistxattr llseek
  lremovexattr lseek lsetxattr lsm_get_self_attr lsm_list_modules lsm_set_self_attr lstat lstat64 madvise map_shadow_stack
  membarrier memfd_create memfd_secret mincore mkdir mkdirat mknod mknodat mlock mlock2 mlockall mmap mmap2 modify_ldt mprotect
  mq_getsetattr mq_notify mq_open mq_timedreceive mq_timedreceive_time64 mq_timedsend mq_timedsend_time64 mq_unlink mremap mseal
  msgctl msgget msgrcv msgsnd msync munlock munlockall munmap name_to_handle_at nanosleep newfstatat nice oldfstat oldlstat
  oldolduname oldstat olduname open openat openat2 pause pidfd_open pidfd_send_signal pipe pipe2 pkey_alloc pkey_free pkey_mprotect
  poll ppoll ppoll_time64 prctl pread64 preadv preadv2 prlimit64 process_mrelease process_vm_readv process_vm_writev pselect6
  pselect6_time64 ptrace pwrite64 pwritev pwritev2 read readahead readdir readlink readlinkat readv recvfrom recvmmsg
  recvmmsg_time64 recvmsg remap_file_pages removexattr rename renameat renameat2 restart_syscall rmdir rseq rt_sigaction
  rt_sigpending rt_sigprocmask rt_sigqueueinfo rt_sigreturn rt_sigsuspend rt_sigtimedwait rt_sigtimedwait_time64 rt_tgsigqueueinfo
  sched_get_priority_max sched_get_priority_min sched_getaffinity sched_getattr sched_getparam sched_getscheduler
  sched_rr_get_interval sched_rr_get_interval_time64 sched_setaffinity sched_setattr sched_setparam sched_setscheduler sched_yield
  seccomp select semctl semget semop semtimedop semtimedop_time64 sendfile sendfile64 sendmmsg sendmsg sendto set_robust_list
  set_thread_area set_tid_address setfsgid setfsgid32 setfsuid setfsuid32 setgid setgid32 setgroups setgroups32 setitimer setpgid
  setpriority setregid setregid32 setresgid setresgid32 setresuid setresuid32 setreuid setreuid32 setrlimit setsid setsockopt setuid
  setuid32 setxattr sgetmask shmat shmctl shmdt shmget shutdown sigaction sigaltstack signal signalfd signalfd4 sigpending
  sigprocmask sigreturn sigsuspend socketpair splice ssetmask stat stat64 statfs statfs64 statmount statx symlink symlinkat sync
  sync_file_range sync_file_range2 syncfs sysinfo tee tgkill time timer_create timer_delete timer_getoverrun timer_gettime
  timer_gettime64 timer_settime timer_settime64 timerfd_create timerfd_gettime timerfd_gettime64 timerfd_settime timerfd_settime64
  times tkill truncate truncate64 ugetrlimit umask uname unlink unlinkat uretprobe utime utimensat utimensat_time64 utimes vfork
  vmsplice wait4 waitid waitpid write writev
`

export const defaultProfile: SeccompProfile = {
  defaultAction: 'SCMP_ACT_ERRNO',
  defaultErrnoRet: 1,
  archMap: [
    { architecture: 'SCMP_ARCH_X86_64', subArchitectures: ['SCMP_ARCH_X86'] },
    { architecture: 'SCMP_ARCH_AARCH64', subArchitectures: ['SCMP_ARCH_ARM'] },
  ],
  syscalls: [
    allow(everybody),
    // socket(2), but the families between and around the two refused; i386's socketcall cannot be filtered and is not allowed.
    allow('socket', { args: [{ index: 0, value: AF_ALG, op: 'SCMP_CMP_LT' }] }),
    allow('socket', { args: [{ index: 0, value: AF_ALG + 1, op: 'SCMP_CMP_EQ' }] }),
    allow('socket', { args: [{ index: 0, value: AF_VSOCK, op: 'SCMP_CMP_GT' }] }),
    ...personalities.map((value) => allow('personality', { args: [{ index: 0, value, op: 'SCMP_CMP_EQ' }] })),
    allow('clone', {
      args: [{ index: 0, value: CLONE_NAMESPACES, valueTwo: 0, op: 'SCMP_CMP_MASKED_EQ' }],
      excludes: { caps: ['CAP_SYS_ADMIN'] },
    }),
    // Its flags are in memory, where a filter cannot look; ENOSYS makes libc fall back to clone.
    { names: ['clone3'], action: 'SCMP_ACT_ERRNO', errnoRet: ENOSYS, excludes: { caps: ['CAP_SYS_ADMIN'] } },
    ...gated(
      `bpf clone clone3 fanotify_init fsconfig fsmount fsopen fspick lookup_dcookie mount mount_setattr move_mount open_tree
       perf_event_open pivot_root quotactl quotactl_fd setdomainname sethostname setns syslog umount umount2 unshare`,
      'SYS_ADMIN',
    ),
    ...gated('bpf', 'BPF'),
    ...gated('perf_event_open', 'PERFMON'),
    ...gated('syslog', 'SYSLOG'),
    ...gated('chroot', 'SYS_CHROOT'),
    ...gated('open_by_handle_at', 'DAC_READ_SEARCH'),
    ...gated('kexec_file_load kexec_load reboot', 'SYS_BOOT'),
    ...gated('delete_module finit_module init_module', 'SYS_MODULE'),
    ...gated('swapoff swapon', 'SYS_ADMIN'),
    ...gated('acct', 'SYS_PACCT'),
    ...gated('ioperm iopl', 'SYS_RAWIO'),
    ...gated('clock_settime clock_settime64 settimeofday stime', 'SYS_TIME'),
    ...gated('kcmp pidfd_getfd process_madvise', 'SYS_PTRACE'),
    ...gated('vhangup', 'SYS_TTY_CONFIG'),
    ...gated('get_mempolicy mbind set_mempolicy set_mempolicy_home_node', 'SYS_NICE'),
  ],
}
