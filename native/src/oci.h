/*
 * gantry-oci: the front of the OCI runtime's command line. Verbs on a container that is made already need no decision: they are carried
 * out from `front`, a file that `create` (TypeScript) put beside state.json: operations as in wire.h, one for each thing to know. All
 * else, and whatever is unusual, is left to node with the same words before anything was done (hand_over).
 *
 *   front VERSION                            always the first
 *   process PID STARTTICKS
 *   state BEFORE BETWEEN AFTER               JSON of `state`, around the status and the pid
 *   row BEFORE BETWEEN AFTER                 JSON of `list`, around the pid and the status
 *   cells ID BUNDLE CREATED                  the table of `list`
 *   freezer v1 STATE | freezer v2 FREEZE EVENTS
 *   group DIR                                in every hierarchy
 *   parent DIR                               above, to be removed when empty, innermost first
 *   kill FILE                                cgroup.kill of v2
 *   hooks poststart|poststop                 there are some
 */
#ifndef GANTRY_OCI_H
#define GANTRY_OCI_H

#include <limits.h>

#include "core.h"

#define MAX_GROUPS 32
#define MAX_PARENTS 128

struct globals {
	char **words; /* of the whole command line, for node */
	const char *root;
	const char *log;
	bool json;
};
extern struct globals globals;

enum status { STOPPED, CREATED, RUNNING, PAUSED };
extern const char *const status_names[];

struct container {
	const char *id;
	char dir[PATH_MAX];
	struct buf memory; /* what the pointers below point into */
	pid_t pid;
	unsigned long long start_ticks;
	const char *state[3];
	const char *row[3];
	const char *cells[3];
	int freezer; /* 0 none, 1, 2 */
	const char *freezer_files[2];
	const char *groups[MAX_GROUPS];
	int group_count;
	const char *parents[MAX_PARENTS];
	int parent_count;
	const char *kill_file;
	bool poststart;
	bool poststop;
};

/* oci.c */
/* Node does it, from the beginning. */
_Noreturn void hand_over(void);
/* Tells the log and standard error, and ends with status 1. */
_Noreturn void fail_with(const char *format, ...) __attribute__((format(printf, 1, 2)));
void sleep_ms(long ms);

/* oci_container.c */
/* False when there is no container of that name; hands over what node has to judge. */
bool load_container(struct container *container, const char *id);
enum status container_status(const struct container *container);
void path_in(const struct container *container, const char *name, char out[PATH_MAX]);

/* oci_groups.c */
struct pids {
	pid_t *list;
	size_t used;
	size_t capacity;
};
/* In the container's groups and below, sorted, each once. */
void read_processes(const struct container *container, struct pids *pids);
bool is_frozen(const struct container *container);
void set_frozen(const struct container *container, bool frozen);
void kill_all(const struct container *container);
void remove_groups(const struct container *container);

/* oci_start.c, oci_list.c, oci_verbs.c */
struct verb {
	const char *name;
	int (*run)(char **words, int n);
};
extern const struct verb verbs[];
int start_verb(char **words, int n);
int list_verb(char **words, int n);

#endif
