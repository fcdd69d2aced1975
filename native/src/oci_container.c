/* What `create` wrote of a container, and what has become of it. */
#include <stdlib.h>
#include <sys/stat.h>

#include "oci.h"
#include "wire.h"

#define VERSION "1"
#define MOST_BYTES (1024 * 1024) /* of address space; it takes what the file holds */
#define MOST_ARGS 1024
#define MOST_OPS 256

const char *const status_names[] = {"stopped", "created", "running", "paused"};

void path_in(const struct container *container, const char *name, char out[PATH_MAX])
{
	if (snprintf(out, PATH_MAX, "%s/%s", container->dir, name) >= PATH_MAX)
		hand_over();
}

/* As state/container.ts has it; node says what is wrong with another one. */
static bool is_id(const char *id)
{
	static const char letters[] = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789_+.-";
	size_t length = strlen(id);
	return length > 0 && length <= 255 && id[0] != '.' && strspn(id, letters) == length;
}

static bool take_three(const struct op_tokens *op, const char *into[3])
{
	for (int i = 0; op->n == 4 && i < 3; i++)
		into[i] = op->args[i + 1];
	return op->n == 4;
}

static bool take_process(struct container *container, const struct op_tokens *op)
{
	long long pid, ticks;
	if (op->n != 3 || !parse_number(op->args[1], 1, INT32_MAX, &pid) || !parse_number(op->args[2], 0, INT64_MAX, &ticks))
		return false;
	container->pid = (pid_t)pid;
	container->start_ticks = (unsigned long long)ticks;
	return true;
}

static bool take_freezer(struct container *container, const struct op_tokens *op)
{
	container->freezer = op->n == 3 && strcmp(op->args[1], "v1") == 0 ? 1 : op->n == 4 && strcmp(op->args[1], "v2") == 0 ? 2 : 0;
	for (int i = 0; i < container->freezer; i++)
		container->freezer_files[i] = op->args[2 + i];
	return container->freezer != 0;
}

static bool take_hooks(struct container *container, const char *when)
{
	container->poststart |= strcmp(when, "poststart") == 0;
	container->poststop |= strcmp(when, "poststop") == 0;
	return true;
}

static bool take(struct container *container, const struct op_tokens *op)
{
	const char *name = op->args[0];
	if (strcmp(name, "process") == 0)
		return take_process(container, op);
	if (strcmp(name, "state") == 0)
		return take_three(op, container->state);
	if (strcmp(name, "row") == 0)
		return take_three(op, container->row);
	if (strcmp(name, "cells") == 0)
		return take_three(op, container->cells);
	if (strcmp(name, "freezer") == 0)
		return take_freezer(container, op);
	if (op->n != 2)
		return false;
	if (strcmp(name, "group") == 0 && container->group_count < MAX_GROUPS)
		return (container->groups[container->group_count++] = op->args[1]);
	if (strcmp(name, "parent") == 0 && container->parent_count < MAX_PARENTS)
		return (container->parents[container->parent_count++] = op->args[1]);
	if (strcmp(name, "kill") == 0)
		return (container->kill_file = op->args[1]);
	return strcmp(name, "hooks") == 0 && take_hooks(container, op->args[1]);
}

static bool parse_front(struct container *container, size_t length)
{
	static char *args[MOST_ARGS];
	static struct op_tokens ops[MOST_OPS];
	int count = ops_parse(container->memory.data, length, args, MOST_ARGS, ops, MOST_OPS);
	if (count < 1 || ops[0].n != 2 || strcmp(ops[0].args[0], "front") != 0 || strcmp(ops[0].args[1], VERSION) != 0)
		return false;
	for (int i = 1; i < count; i++)
		if (!take(container, &ops[i]))
			return false;
	return container->pid > 0 && container->state[0] && container->row[0] && container->cells[0];
}

bool load_container(struct container *container, const char *id)
{
	char path[PATH_MAX];
	*container = (struct container){.id = id};
	if (!is_id(id) || snprintf(container->dir, sizeof(container->dir), "%s/%s", globals.root, id) >= (int)sizeof(container->dir))
		hand_over();
	path_in(container, "front", path);
	container->memory = buf_reserve(MOST_BYTES);
	ssize_t length = container->memory.data ? read_file_at(AT_FDCWD, path, container->memory.data, MOST_BYTES) : -1;
	if (length < 0 && access(container->dir, F_OK) < 0 && errno == ENOENT)
		return false;
	if (length <= 0 || length == MOST_BYTES - 1 || !parse_front(container, (size_t)length))
		hand_over();
	return true;
}

/* The very process, still running something (proc_pid_stat(5)); the command, in parentheses, may hold anything. */
static bool is_alive(const struct container *container)
{
	char path[32], text[1024];
	unsigned long long ticks = 0;
	char state = 'X';
	snprintf(path, sizeof(path), "/proc/%d/stat", (int)container->pid);
	if (read_file_at(AT_FDCWD, path, text, sizeof(text)) < 0)
		return false;
	const char *rest = strrchr(text, ')');
	if (!rest || sscanf(rest + 1,
			     " %c %*s %*s %*s %*s %*s %*s %*s %*s %*s %*s %*s %*s %*s "
			     "%*s %*s %*s %*s %*s %llu",
			     &state, &ticks) != 2)
		return false;
	return ticks == container->start_ticks && state != 'Z' && state != 'X';
}

enum status container_status(const struct container *container)
{
	char fifo[PATH_MAX];
	if (!is_alive(container))
		return STOPPED;
	path_in(container, "start.fifo", fifo);
	if (access(fifo, F_OK) == 0)
		return CREATED;
	return is_frozen(container) ? PAUSED : RUNNING;
}
