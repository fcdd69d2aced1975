/* A container's cgroups: who is in them, freezing, killing, removing. The same as apps/oci/src/cgroup. */
#include <dirent.h>
#include <signal.h>
#include <stdlib.h>
#include <sys/stat.h>

#include "oci.h"

/* Looks between which v1 freezing is started over: a process in the middle of fork can hold it up for ever. */
#define LOOKS_BEFORE_RETRY 50
#define LOOKS 2000
#define ROUNDS 500
#define WAITS 400

static bool is_gone(int err)
{
	return err == ENOENT || err == ENODEV;
}

static void add_pid(struct pids *pids, pid_t pid)
{
	if (pids->used == pids->capacity) {
		pids->capacity = pids->capacity ? pids->capacity * 2 : 256;
		pids->list = realloc(pids->list, pids->capacity * sizeof(pid_t));
		if (!pids->list)
			fail_with("no memory for a list of processes");
	}
	pids->list[pids->used++] = pid;
}

static void read_procs(int dir, struct pids *pids)
{
	long pid;
	fd_auto int fd = openat(dir, "cgroup.procs", O_RDONLY | O_CLOEXEC);
	FILE *file = fd < 0 ? NULL : fdopen(dup(fd), "re");
	if (!file)
		return;
	/* A threaded group lists threads only (EOPNOTSUPP); its processes are in the group above. */
	while (fscanf(file, "%ld", &pid) == 1)
		if (pid > 0)
			add_pid(pids, (pid_t)pid);
	fclose(file);
}

/* `path` below `at`; false when it cannot be opened. */
static bool each_group_below(int at, const char *path, void (*visit)(int dir, struct pids *pids), struct pids *pids)
{
	fd_auto int dir = openat(at, path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	DIR *list = dir < 0 ? NULL : fdopendir(dup(dir));
	if (!list)
		return false;
	for (struct dirent *entry; (entry = readdir(list));)
		if (entry->d_type == DT_DIR && entry->d_name[0] != '.')
			each_group_below(dir, entry->d_name, visit, pids);
	closedir(list);
	visit(dir, pids);
	return true;
}

static int by_number(const void *a, const void *b)
{
	const pid_t *left = a, *right = b;
	return (*left > *right) - (*left < *right);
}

void read_processes(const struct container *container, struct pids *pids)
{
	size_t unique = 0;
	pids->used = 0;
	for (int i = 0; i < container->group_count; i++)
		each_group_below(AT_FDCWD, container->groups[i], read_procs, pids);
	if (pids->used > 0)
		qsort(pids->list, pids->used, sizeof(pid_t), by_number);
	for (size_t i = 0; i < pids->used; i++)
		if (unique == 0 || pids->list[unique - 1] != pids->list[i])
			pids->list[unique++] = pids->list[i];
	pids->used = unique;
}

static bool reads_frozen(const struct container *container, bool frozen)
{
	char text[4096];
	if (read_file_at(AT_FDCWD, container->freezer_files[container->freezer - 1], text, sizeof(text)) < 0)
		return false;
	if (container->freezer == 1)
		return strncmp(text, frozen ? "FROZEN" : "THAWED", 6) == 0;
	return strstr(text, frozen ? "frozen 1" : "frozen 0") != NULL;
}

bool is_frozen(const struct container *container)
{
	return container->freezer != 0 && reads_frozen(container, true);
}

static void write_freezer(const struct container *container, bool frozen)
{
	const char *word = container->freezer == 2 ? (frozen ? "1" : "0") : frozen ? "FROZEN" : "THAWED";
	if (write_file_at(AT_FDCWD, container->freezer_files[0], word, strlen(word)) < 0)
		fail_with("write %s to %s: %s", word, container->freezer_files[0], strerrordesc_np(errno));
}

void set_frozen(const struct container *container, bool frozen)
{
	for (int look = 0; look < LOOKS; look++) {
		if (frozen && look % LOOKS_BEFORE_RETRY == LOOKS_BEFORE_RETRY - 1)
			write_freezer(container, false);
		write_freezer(container, frozen);
		if (reads_frozen(container, frozen))
			return;
		sleep_ms(1);
	}
	if (frozen)
		write_freezer(container, false);
	fail_with("the container cannot be %s now: a process waits inside the kernel", frozen ? "paused" : "resumed");
}

static void signal_each(const struct pids *pids)
{
	for (size_t i = 0; i < pids->used; i++)
		kill(pids->list[i], SIGKILL);
}

void kill_all(const struct container *container)
{
	struct pids pids = {0};
	for (int round = 0; round < ROUNDS; round++) {
		read_processes(container, &pids);
		if (pids.used == 0)
			return free(pids.list);
		/* cgroup.kill (5.14) takes all at once. */
		bool at_once = container->kill_file && write_file_at(AT_FDCWD, container->kill_file, "1", 1) == 0;
		if (!at_once || round > 0)
			signal_each(&pids);
		/* A frozen process does not even die on v1. */
		if (is_frozen(container))
			set_frozen(container, false);
		sleep_ms(round < 19 ? 1 + round : 20);
	}
	fail_with("processes in %s do not die: they wait for the kernel", container->groups[0]);
}

/* Its own folders below are gone when it is visited. */
static void remove_below(int dir, struct pids *unused)
{
	(void)unused;
	DIR *list = fdopendir(dup(dir));
	if (!list)
		return;
	rewinddir(list);
	for (struct dirent *entry; (entry = readdir(list));)
		if (entry->d_type == DT_DIR && entry->d_name[0] != '.')
			unlinkat(dir, entry->d_name, AT_REMOVEDIR);
	closedir(list);
}

/* A process on its last steps keeps a group busy for a moment. */
static void remove_group(const char *group)
{
	for (int wait = 0; rmdir(group) < 0 && !is_gone(errno); wait++) {
		if (errno != EBUSY && errno != ENOTEMPTY)
			fail_with("remove cgroup %s: %s", group, strerrordesc_np(errno));
		if (wait == WAITS)
			fail_with("cgroup %s is still in use", group);
		each_group_below(AT_FDCWD, group, remove_below, NULL);
		sleep_ms(wait < 9 ? 1 + wait : 10);
	}
}

void remove_groups(const struct container *container)
{
	for (int i = 0; i < container->group_count; i++)
		remove_group(container->groups[i]);
	for (int i = 0; i < container->parent_count; i++)
		if (rmdir(container->parents[i]) < 0 && !is_gone(errno) && errno != EBUSY && errno != ENOTEMPTY)
			fail_with("remove cgroup %s: %s", container->parents[i], strerrordesc_np(errno));
}
