/*
 * Starting one process. Three processes take part; a shared page carries the steps' times and the first failure.
 *
 *   monitor (host root)       intermediate                      init (the new process)
 *   ---------------------     -----------------------------     ------------------------------------------------
 *   prepare: host ops,
 *     files, overlay, id-
 *     mapped clones, filter
 *   clone(FILES) ---------->  enter: cgroups, joins, limits
 *                             setns(user), become its root
 *                             pipes (so that they are its)
 *                             clone3(CLONE_PARENT|NEW…) ----->  apply: mounts, pivot_root
 *   pid  <----- shared page                                     pty: master  ------> monitor (SCM_RIGHTS)
 *   wait                      exit                              identity, locks
 *   sync pipe closes  <---------------------------------------  execve (close-on-exec), or exit after a failure
 *   answer `started` or `error`
 *
 * Whatever fails: the processes end and the kernel drops mounts, namespaces and pipes with them.
 */
#ifndef GANTRY_START_H
#define GANTRY_START_H

#include "launcher.h"
#include "monitor.h"

#define MAX_STEPS 384

struct step {
	const char *name;
	const char *arg;
	uint32_t start_us;
	uint32_t end_us;
};

/* Written by monitor, intermediate and init in turn; MAP_SHARED, gone from init at exec. */
struct shared {
	pid_t pid;
	bool entered;  /* intermediate did its part */
	bool execing;  /* init came as far as execve */
	bool failed;
	int err;
	int exit_code; /* what a shell would say of a command that cannot run: 126, 127; 0 for other failures */
	char step[192];
	char text[512];
	/* Pipes made by the intermediate: stdin, stdout, stderr; monitor's end and the process's. */
	int pipes[3][2];
	int steps_used;
	struct step steps[MAX_STEPS];
};

struct start;
struct start_op;

struct planned {
	const struct start_op *op;
	char **args; /* after the name */
	int n;
	int fd; /* what prepare made for apply: a mount, a file; -1 */
};

/* One operation of a plan. Each phase's function is optional; 0, or -1 after op_fail(&start->ctx, …). */
struct start_op {
	const char *name;
	int min_args;
	int (*prepare)(struct start *start, struct planned *planned);
	int (*enter)(struct start *start, struct planned *planned);
	int (*apply)(struct start *start, struct planned *planned);
};

/* Where the operations of one section of a plan are looked up; the list ends with a name of NULL. */
struct section {
	const char *name;
	const struct start_op *ops;
};

extern const struct start_op monitor_ops[];   /* monitor_ops.c */
extern const struct start_op namespace_ops[]; /* namespaces.c */
extern const struct start_op rootfs_ops[];    /* rootfs.c, devices.c, masks.c through it */
extern const struct start_op process_ops[];   /* process.c */

#define MAX_RLIMITS 16
#define MAX_ENV 8192
#define SECCOMP_BYTES (4096 * 8) /* BPF_MAXINSNS */

struct start {
	struct request *request;
	uint64_t received_us;
	struct op_ctx ctx;
	struct shared *shared;
	struct monitor *monitor;

	struct buf memory; /* the plan, cut into operations */
	struct planned *planned;
	int planned_count;

	/* Namespaces. -1: the host's. `new_flags` go to clone3. */
	int user_ns;
	long long id_base; /* host id of the user namespace's root */
	int net_ns;
	bool has_net_ns;
	bool joins_pid_ns;
	unsigned long new_flags;
	bool new_cgroup_ns;
	pid_t enter_pid; /* exec: the container's init */
	int enter_pidfd;
	bool enter_user;

	/* File system of a start. */
	int root;       /* the overlay's mount */
	int proc;       /* the container's procfs */
	int dev;        /* the tmpfs on /dev */
	int devpts;
	int empty_dir;  /* an attached empty read-only tmpfs, for masks */

	/* Standard streams: the child's ends, and for a tty the slave once there is one. */
	int child_stdin;
	int child_stdout;
	int child_stderr;
	int tty_slave;
	int pty_socket[2];
	int sync[2];

	/* Identity. */
	uint64_t capabilities;
	bool has_capabilities;
	char home[256];
	struct {
		int resource;
		unsigned long long soft;
		unsigned long long hard;
	} rlimits[MAX_RLIMITS];
	int rlimits_used;
	void *seccomp;
	unsigned short seccomp_count;
	char **env; /* MAX_ENV + 2, in init only */
	int env_used;
};

/* plan.c */
enum phase { PREPARE, ENTER, APPLY };
/* Host operations are carried out while they are read, the others put down in start->planned. 0, or -1 after report_failure(). */
int read_plan(struct start *start, const struct section *sections, struct op_tokens *ops, int count);
int run_phase(struct start *start, enum phase phase);
/* The first failure, whoever meets it, is what the agent is told. */
void report_failure(struct start *start, const char *name, const char *arg);
/* Microseconds since the request came. */
uint32_t since(const struct start *start);
void note_step(struct start *start, const char *name, const char *arg, uint32_t began);

/* rootfs.c */
/*
 * The thing at `path` below the container's root, as an O_PATH descriptor; links are followed as inside the container, magic
 * links never (openat2(2), RESOLVE_IN_ROOT). With `create` missing folders are made, one component at a time, and the last
 * one as a folder or an empty file. -1 after op_fail().
 */
enum target_kind { TARGET_ANY, TARGET_DIR, TARGET_FILE };
int open_in_root(struct op_ctx *ctx, int root, const char *path, bool create, enum target_kind kind);
/* The same, refusing any symbolic link on the way: for /proc, /sys and /dev, which an image must not redirect. */
int open_in_root_strict(struct op_ctx *ctx, int root, const char *path, bool create);
int attach_mount(struct start *start, int mount, int target, const char *what);
/* A detached mount of a new file system with comma-separated options. */
int new_mount(struct op_ctx *ctx, const char *type, const char *options, unsigned int attributes);
/*
 * A clone of a mount is a peer of the original: what is mounted on it in the container would appear on the host. Every clone that
 * is made in the host's namespace and goes into a container's is cut off first.
 */
int make_private(struct op_ctx *ctx, int tree, const char *what);
unsigned int mount_attributes(const char *flags);
bool has_flag(const char *flags, const char *flag);

int overlay_prepare(struct start *start, struct planned *planned);
int bind_prepare(struct start *start, struct planned *planned);
int bind_apply(struct start *start, struct planned *planned);
int share_prepare(struct start *start, struct planned *planned);
int share_apply(struct start *start, struct planned *planned);

/* overlay.c */
/* A detached clone of the mount at `path`, with ids shifted when there is a user namespace. -1 after op_fail(). */
int clone_layer(struct start *start, const char *path);
unsigned int root_attributes(const struct start *start);
int tree_prepare(struct start *start, struct planned *planned);
/* A mount namespace of its own, into which the host's mounts come and from which none goes back. */
int unshare_mounts(struct start *start);
/* Options that come as one comma-separated text. */
int set_fs_options(struct op_ctx *ctx, int fs, const char *type, const char *options);
/* Only what monitoring tools lie over may be covered in /proc. -1 after op_fail(). */
int refuse_proc(struct start *start, int target, const char *path);
/* mounts.c */
int mount_prepare(struct start *start, struct planned *planned);
int mount_apply(struct start *start, struct planned *planned);
int image_prepare(struct start *start, struct planned *planned);
int image_apply(struct start *start, struct planned *planned);
/* fuse.c */
int fuse_prepare(struct start *start, struct planned *planned);
/* One descriptor through a datagram socket pair; receive_fd() does not wait. -1 with errno. */
int send_fd(int socket, int fd);
int receive_fd(int socket);
/* Has a child process make planned->fd by `make`, in whatever namespaces that one enters. 0, or -1 after op_fail(). */
int made_by_child(struct start *start, struct planned *planned, int (*make)(struct start *start, struct planned *planned));

/* bind.c, devices.c */
int devices_apply(struct start *start, struct planned *planned);
int devices_all_apply(struct start *start, struct planned *planned);
int device_prepare(struct start *start, struct planned *planned);
int device_apply(struct start *start, struct planned *planned);
int devpts_apply(struct start *start, struct planned *planned);
int console_apply(struct start *start, struct planned *planned);
int open_multiplexer(struct start *start);
int mask_apply(struct start *start, struct planned *planned);
int mask_cpus_apply(struct start *start, struct planned *planned);
int readonly_apply(struct start *start, struct planned *planned);

/* process.c: permitted and effective; inheritable and ambient stay empty */
int set_capabilities(struct op_ctx *ctx, uint64_t set);

int rlimit_number(const char *name); /* -1 when there is none of that name */
int add_env(struct start *start, char *entry);
const char *get_env(const struct start *start, const char *name); /* NULL when it is not set */
void default_signals(void);
/* Only comes back on failure, with its errno. Commands without a slash are looked for in PATH. */
int exec_command(struct start *start, char **args);
/* 0 when exec_command would find it, else an errno. */
int find_command(const struct start *start, const char *command);
/* Says in words, and as the exit code of a shell, why a command does not run. */
int exec_failed(struct start *start, const char *command, int err);

/* identity.c */
void user_home(const char *uid, char *out, size_t size); /* by the container's /etc/passwd; / without an entry */
int user_apply(struct start *start, struct planned *planned);

/* Makes the streams init uses its 0, 1 and 2 and, with a tty, its controlling terminal. */
int use_stdio(struct start *start);

#endif
