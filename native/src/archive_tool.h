/*
 * gantry-archive: reads and writes files of a container, an image or a folder as the container itself sees them.
 *
 *   gantry-archive VIEW… OPERATION…
 *
 *   VIEW       process PID STARTTICKS COUNT PROCSFILE…           a running container, from its own namespaces and groups
 *              stack SCRATCH UPPER WORK COUNT LOWER… COUNT (SOURCE TARGET FLAGS)…
 *                    (WORK tree-ro or tree-rw: UPPER has everything in it)
 *                                                                topmost layer first; UPPER and WORK "-": read-only, of layers alone;
 *                                                                WORK "-": read-only with UPPER on top. FLAGS: ro, strict or -
 *              folder PATH ro|rw
 *   OPERATION  stat PATH | look PATH                             (`look` follows a last link)
 *              read PATH MAXBYTES                                > the file's bytes
 *              list PATH sum|plain                               an event for each thing below PATH, `sum` with its content's digest
 *              sniff PATH                                        is it a tar archive, perhaps compressed?
 *              get FLAGS (PATH NAME)…                            > tar; FLAGS: onemount or -
 *              layer kernel|fuse SKIP…                           > the view's root, an overlayfs upper, as layer tar
 *              changes                                           < MPATH and DPATH, each ended by a NUL, sorted   > layer tar of these
 *              put PATH FLAGS OWNER MODE MAXBYTES MAXRATIO MAXENTRIES RESERVE IDS   < tar; see archive_put.c
 *              mkdir PATH OWNER IDS
 *
 * Reports are JSON lines on descriptor 3, as gantry-unpack's. Containers are hostile: before anything of a view is looked at, the
 * process has its root there, so that no link leads out (CVE-2018-15664); has loaded all it needs and may map nothing executable any
 * more (CVE-2019-14271); has the container's own rights at most; and may use the system calls of a list only.
 */
#ifndef GANTRY_ARCHIVE_H
#define GANTRY_ARCHIVE_H

#include "unpack.h"

#define KIND_GONE "gone"       /* the container has ended */
#define KIND_MISSING "missing" /* there is nothing of that name */
#define KIND_READONLY "readonly"

/* Folders within folders that a walk descends into. */
#define ARCHIVE_DEPTH_MAX 1024

/* archive_view.c: enters the view that the leading arguments describe, and says how many they were. */
int view_enter(int argc, char **argv, int *root);

/* archive_path.c: names inside the view. Links are followed as inside it, magic links never. */
int path_open(int root, const char *path, uint64_t flags);
/* O_PATH descriptor of the thing itself, or of what a last link leads to. A trailing "/" or "/." follows as well. -1 with errno. */
int path_find(int root, const char *path, bool follow);
/* The name without any link in it; what does not exist stays as it is. */
const char *path_resolve(int root, const char *path);
/* Ends the program: "no such file", or what errno says. */
_Noreturn void path_fail(const char *path);
/* procfs, sysfs and the like: views of the kernel, not files. */
bool is_kernel_view(int fd);

/* archive_get.c, archive_list.c, archive_put.c */
void archive_get(int root, int argc, char **argv, bool layer);
void archive_changes(int root);
void archive_list(int root, const char *path, bool sum);
void archive_stat(int root, const char *path, bool follow);
void archive_read(int root, const char *path, uint64_t max_bytes);
void archive_sniff(int root, const char *path);
void archive_put(int root, char **argv);
void archive_mkdir(int root, char **argv);

/* The folder's names in the order of their bytes, so that the same content gives the same archive; NULL ends them. */
char **folder_names(int fd, const char *what);

#endif
