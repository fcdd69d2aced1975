/*
 * gantry-unprivileged: starts a program as an unprivileged user who can see a few folders that he could not read otherwise.
 *
 *   gantry-unprivileged UID GID [--read-only SOURCE TARGET]... [--listen SOCKET] --chdir DIR -- PROGRAM [ARGUMENT...]
 *
 * The checkout may lie where only root can look (/root). It is bound read-only onto TARGET in a mount namespace of this
 * process alone, so nothing changes for the rest of the machine and nothing has to be undone; what belongs to the owner of SOURCE
 * looks like the user's own there, so that a checkout made with umask 077 works too. A unix SOCKET, in a folder where only root may
 * make one, is opened here too: root's and the group's, and passed on as file descriptor 3. Then every privilege goes: capability
 * sets, the bounding set (so that no file can give any back), supplementary groups, ids, and no_new_privs.
 */
#include <err.h>
#include <errno.h>
#include <fcntl.h>
#include <grp.h>
#include <linux/capability.h>
#include <sched.h>
#include <signal.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mount.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/un.h>
#include <sys/wait.h>
#include <unistd.h>

/* Exit status of a program that could not be started, as a shell has it. */
#define EXIT_SETUP 125

/* The first descriptor behind the standard ones, as in systemd's socket activation (sd_listen_fds(3)). */
#define PASSED_FD 3

/* glibc declares these next to definitions that clash with linux/mount.h on some releases, hence the plain numbers. */
#define GANTRY_OPEN_TREE_CLONE 1u
#define GANTRY_MOVE_MOUNT_F_EMPTY_PATH 0x4u
#define GANTRY_MOUNT_ATTR_RDONLY 0x1u
#define GANTRY_MOUNT_ATTR_NOSUID 0x2u
#define GANTRY_MOUNT_ATTR_NODEV 0x4u
#define GANTRY_MOUNT_ATTR_IDMAP 0x100000u
#define GANTRY_AT_RECURSIVE 0x8000u

struct gantry_mount_attr {
  unsigned long long set, clear, propagation, userns_fd;
};

static unsigned int parse_id(const char *text, const char *what) {
  char *end = NULL;
  errno = 0;
  unsigned long value = strtoul(text, &end, 10);
  if (errno != 0 || end == text || *end != '\0' || value == 0 || value > 0xfffffffeUL)
    errx(EXIT_SETUP, "%s %s is not the number of an unprivileged account", what, text);
  return (unsigned int)value;
}

static int write_file(pid_t pid, const char *name, const char *text) {
  char path[64];
  snprintf(path, sizeof path, "/proc/%d/%s", (int)pid, name);
  int fd = open(path, O_WRONLY | O_CLOEXEC);
  if (fd < 0)
    return -1;
  ssize_t done = write(fd, text, strlen(text));
  close(fd);
  return done == (ssize_t)strlen(text) ? 0 : -1;
}

/*
 * A user namespace that shows OWNER's files as UID's and GROUP's as GID's, or -1. It is only a table for an id-mapped
 * mount; the process that made it ends at once.
 */
static int owner_map(const struct stat *source, unsigned int uid, unsigned int gid) {
  pid_t child = fork();
  if (child < 0)
    return -1;
  if (child == 0) {
    if (unshare(CLONE_NEWUSER) == 0)
      raise(SIGSTOP);
    _exit(1);
  }
  int status = 0, fd = -1;
  if (waitpid(child, &status, WUNTRACED) != child || !WIFSTOPPED(status))
    return -1;
  char line[64], path[64];
  snprintf(line, sizeof line, "%u %u 1\n", source->st_uid, uid);
  bool mapped = write_file(child, "uid_map", line) == 0;
  snprintf(line, sizeof line, "%u %u 1\n", source->st_gid, gid);
  mapped = mapped && write_file(child, "gid_map", line) == 0;
  snprintf(path, sizeof path, "/proc/%d/ns/user", (int)child);
  if (mapped)
    fd = open(path, O_RDONLY | O_CLOEXEC);
  kill(child, SIGKILL);
  waitpid(child, &status, 0);
  return fd;
}

/* Not every file system can map ids; then the user sees what the modes of the files allow everybody. */
static void map_owner(int tree, unsigned int uid, unsigned int gid) {
  struct stat source;
  if (fstat(tree, &source) != 0)
    return;
  int users = owner_map(&source, uid, gid);
  if (users < 0)
    return;
  struct gantry_mount_attr attr = {.set = GANTRY_MOUNT_ATTR_IDMAP, .userns_fd = (unsigned long long)users};
  syscall(SYS_mount_setattr, tree, "", AT_EMPTY_PATH | GANTRY_AT_RECURSIVE, &attr, sizeof attr);
  close(users);
}

/* A detached read-only copy of the tree at SOURCE (mount_setattr(2), Linux 5.12), put onto TARGET. */
static void bind_read_only(const char *source, const char *target, unsigned int uid, unsigned int gid) {
  int tree = (int)syscall(SYS_open_tree, AT_FDCWD, source, GANTRY_OPEN_TREE_CLONE | O_CLOEXEC | GANTRY_AT_RECURSIVE);
  if (tree < 0)
    err(EXIT_SETUP, "cannot open %s for binding", source);
  map_owner(tree, uid, gid);
  struct gantry_mount_attr attr = {
      .set = GANTRY_MOUNT_ATTR_RDONLY | GANTRY_MOUNT_ATTR_NOSUID | GANTRY_MOUNT_ATTR_NODEV,
  };
  if (syscall(SYS_mount_setattr, tree, "", AT_EMPTY_PATH | GANTRY_AT_RECURSIVE, &attr, sizeof attr) != 0)
    err(EXIT_SETUP, "cannot make %s read-only", source);
  if (syscall(SYS_move_mount, tree, "", AT_FDCWD, target, GANTRY_MOVE_MOUNT_F_EMPTY_PATH) != 0)
    err(EXIT_SETUP, "cannot mount %s on %s", source, target);
  close(tree);
}

/* One that an earlier life left behind is replaced. Nobody but root may connect before its group is set. */
static void listen_on(const char *path, unsigned int gid) {
  struct sockaddr_un address = {.sun_family = AF_UNIX};
  if (strlen(path) >= sizeof address.sun_path)
    errx(EXIT_SETUP, "the path of socket %s is too long", path);
  strcpy(address.sun_path, path);
  int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK, 0);
  if (fd < 0)
    err(EXIT_SETUP, "cannot make socket %s", path);
  if (unlink(path) != 0 && errno != ENOENT)
    err(EXIT_SETUP, "cannot replace %s", path);
  mode_t before = umask(0177);
  if (bind(fd, (struct sockaddr *)&address, sizeof address) != 0)
    err(EXIT_SETUP, "cannot make socket %s", path);
  umask(before);
  if (chown(path, 0, gid) != 0 || chmod(path, 0660) != 0 || listen(fd, SOMAXCONN) != 0)
    err(EXIT_SETUP, "cannot listen on %s", path);
  if (fd != PASSED_FD && (dup2(fd, PASSED_FD) < 0 || close(fd) != 0))
    err(EXIT_SETUP, "cannot pass %s on", path);
}

static void drop_privileges(unsigned int uid, unsigned int gid) {
  for (int capability = 0; prctl(PR_CAPBSET_READ, capability, 0, 0, 0) >= 0; capability++)
    if (prctl(PR_CAPBSET_DROP, capability, 0, 0, 0) != 0)
      err(EXIT_SETUP, "cannot drop capability %d", capability);
  if (prctl(PR_CAP_AMBIENT, PR_CAP_AMBIENT_CLEAR_ALL, 0, 0, 0) != 0)
    err(EXIT_SETUP, "cannot clear ambient capabilities");
  gid_t groups[1] = {gid};
  if (setgroups(1, groups) != 0 || setresgid(gid, gid, gid) != 0 || setresuid(uid, uid, uid) != 0)
    err(EXIT_SETUP, "cannot become user %u, group %u", uid, gid);
  struct __user_cap_header_struct header = {.version = _LINUX_CAPABILITY_VERSION_3};
  struct __user_cap_data_struct none[_LINUX_CAPABILITY_U32S_3] = {{0}};
  if (syscall(SYS_capset, &header, none) != 0)
    err(EXIT_SETUP, "cannot empty the capability sets");
  if (prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) != 0)
    err(EXIT_SETUP, "cannot set no_new_privs");
}

int main(int argc, char **argv) {
  if (argc < 5)
    errx(EXIT_SETUP, "usage: gantry-unprivileged UID GID [--read-only SOURCE TARGET]... [--listen SOCKET] --chdir DIR -- PROGRAM [ARGUMENT...]");
  unsigned int uid = parse_id(argv[1], "user"), gid = parse_id(argv[2], "group");
  pid_t parent = getppid();

  if (unshare(CLONE_NEWNS) != 0)
    err(EXIT_SETUP, "cannot make a mount namespace");
  /* mount(2): EINVAL when / is no mount point; then its propagation cannot be changed and the bind below could show elsewhere. */
  if (mount(NULL, "/", NULL, MS_REC | MS_SLAVE, NULL) != 0)
    err(EXIT_SETUP, "cannot detach from the machine's mounts%s",
        errno == EINVAL ? ", as / is not a mount point (in a chroot: mount --bind it onto itself first)" : "");

  int at = 3;
  for (; at < argc && strcmp(argv[at], "--") != 0; at++) {
    if (strcmp(argv[at], "--read-only") == 0 && at + 2 < argc) {
      bind_read_only(argv[at + 1], argv[at + 2], uid, gid);
      at += 2;
    } else if (strcmp(argv[at], "--listen") == 0 && at + 1 < argc) {
      listen_on(argv[++at], gid);
    } else if (strcmp(argv[at], "--chdir") == 0 && at + 1 < argc) {
      if (chdir(argv[++at]) != 0)
        err(EXIT_SETUP, "cannot enter %s", argv[at]);
    } else {
      errx(EXIT_SETUP, "unknown argument %s", argv[at]);
    }
  }
  if (at + 1 >= argc)
    errx(EXIT_SETUP, "no program is named after --");

  drop_privileges(uid, gid);
  umask(077);
  /* After the change of ids, which clears it (prctl(2)). A parent that died before this line is noticed by the check. */
  if (prctl(PR_SET_PDEATHSIG, SIGTERM, 0, 0, 0) != 0)
    err(EXIT_SETUP, "cannot tie the process to its parent");
  if (getppid() != parent)
    return EXIT_SETUP;
  execvp(argv[at + 1], argv + at + 1);
  err(errno == ENOENT ? 127 : 126, "cannot run %s", argv[at + 1]);
}
