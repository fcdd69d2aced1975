/* The verbs besides start. Words that are not the plain ones go to node. */
#include <dirent.h>
#include <signal.h>
#include <stdlib.h>

#include "oci.h"

static bool is_option(const char *word, const char *name, const char *letter)
{
	return strcmp(word, letter) == 0 || (word[0] == '-' && (strcmp(word + 1, name) == 0 || (word[1] == '-' && strcmp(word + 2, name) == 0)));
}

/* The words that are no options, at most `most`; `flag` says whether its option was among them. */
static int plain_words(char **words, int n, const char *name, const char *letter, bool *flag, char **out, int most)
{
	int used = 0;
	for (int i = 0; i < n; i++) {
		if (name && is_option(words[i], name, letter))
			*flag = true;
		else if ((words[i][0] == '-' && words[i][1] != '\0') || used == most)
			hand_over();
		else
			out[used++] = words[i];
	}
	if (used == 0)
		hand_over();
	return used;
}

static void load_or_fail(struct container *container, const char *id)
{
	if (!load_container(container, id))
		fail_with("container \"%s\" does not exist", id);
}

static void print_all(const struct buf *text)
{
	if (text->truncated)
		hand_over();
	if (write_all(1, text->data, text->length) < 0)
		fail_with("write to standard output: %s", strerrordesc_np(errno));
}

static int state_verb(char **words, int n)
{
	struct container container;
	char *id;
	plain_words(words, n, NULL, NULL, NULL, &id, 1);
	load_or_fail(&container, id);
	enum status status = container_status(&container);
	struct buf out = buf_reserve(2 * 1024 * 1024);
	buf_format(&out, "%s%s%s%d%s\n", container.state[0], status_names[status], container.state[1], status == STOPPED ? 0 : (int)container.pid,
		container.state[2]);
	print_all(&out);
	return 0;
}

/* `15`, `TERM`, `SIGTERM`; -1 for others, which node knows or refuses. */
static int signal_number(const char *text)
{
	long long number;
	if (parse_number(text, 0, 64, &number))
		return (int)number;
	const char *name = strncasecmp(text, "SIG", 3) == 0 ? text + 3 : text;
	for (int i = 1; i < 32; i++)
		if (sigabbrev_np(i) && strcasecmp(sigabbrev_np(i), name) == 0)
			return i;
	return -1;
}

static int kill_verb(char **words, int n)
{
	struct container container;
	struct pids pids = {0};
	char *plain[2];
	bool all = false;
	int used = plain_words(words, n, "all", "-a", &all, plain, 2);
	int number = used < 2 ? SIGTERM : signal_number(plain[1]);
	if (number < 0)
		hand_over();
	load_or_fail(&container, plain[0]);
	if (!all && (container_status(&container) == STOPPED || (kill(container.pid, number) < 0 && errno == ESRCH)))
		fail_with("container not running: %s is stopped (no such process)", container.id);
	if (all)
		read_processes(&container, &pids);
	for (size_t i = 0; i < pids.used; i++)
		if (kill(pids.list[i], number) < 0 && errno != ESRCH)
			fail_with("signal process %d: %s", (int)pids.list[i], strerrordesc_np(errno));
	return 0;
}

/* The record goes last, so that one that is killed in between can be repeated.
 */
static void remove_folder(const struct container *container)
{
	char path[PATH_MAX];
	DIR *list = opendir(container->dir);
	for (struct dirent *entry; list && (entry = readdir(list));) {
		if (entry->d_name[0] == '.' && (entry->d_name[1] == '\0' || (entry->d_name[1] == '.' && entry->d_name[2] == '\0')))
			continue;
		if (strcmp(entry->d_name, "state.json") == 0)
			continue;
		path_in(container, entry->d_name, path);
		unlink(path);
	}
	if (list)
		closedir(list);
	path_in(container, "state.json", path);
	unlink(path);
	if (rmdir(container->dir) < 0 && errno != ENOENT)
		fail_with("remove %s: %s", container->dir, strerrordesc_np(errno));
}

static int delete_verb(char **words, int n)
{
	struct container container;
	char *id;
	bool force = false;
	plain_words(words, n, "force", "-f", &force, &id, 1);
	if (!load_container(&container, id)) {
		if (force)
			return 0;
		fail_with("container \"%s\" does not exist", id);
	}
	if (container.poststop)
		hand_over();
	enum status status = container_status(&container);
	if (!force && (status == RUNNING || status == PAUSED))
		fail_with("cannot delete container %s that is not stopped: %s", id, status_names[status]);
	if (status != STOPPED)
		kill(container.pid, SIGKILL);
	kill_all(&container);
	remove_groups(&container);
	remove_folder(&container);
	return 0;
}

static int freeze(const char *verb, char **words, int n, bool frozen)
{
	struct container container;
	char *id;
	plain_words(words, n, NULL, NULL, NULL, &id, 1);
	load_or_fail(&container, id);
	enum status status = container_status(&container);
	bool fits = frozen ? status == RUNNING || status == CREATED : status == PAUSED;
	if (!fits)
		fail_with("cannot %s a container that is %s", verb, status_names[status]);
	if (container.freezer == 0)
		hand_over();
	set_frozen(&container, frozen);
	return 0;
}

static int pause_verb(char **words, int n)
{
	return freeze("pause", words, n, true);
}

static int resume_verb(char **words, int n)
{
	return freeze("resume", words, n, false);
}

/* --format json ID; the table comes from ps(1), which node runs */
static int ps_verb(char **words, int n)
{
	struct container container;
	struct pids pids = {0};
	bool json = n == 3 && is_option(words[0], "format", "-f") && strcmp(words[1], "json") == 0;
	if (!json || words[2][0] == '-')
		hand_over();
	load_or_fail(&container, words[2]);
	read_processes(&container, &pids);
	struct buf out = buf_reserve(16 + pids.used * 12);
	buf_text(&out, "[");
	for (size_t i = 0; i < pids.used; i++)
		buf_format(&out, "%s%d", i ? "," : "", (int)pids.list[i]);
	buf_text(&out, "]\n");
	print_all(&out);
	return 0;
}

const struct verb verbs[] = {
	{"state", state_verb},
	{"start", start_verb},
	{"kill", kill_verb},
	{"delete", delete_verb},
	{"pause", pause_verb},
	{"resume", resume_verb},
	{"ps", ps_verb},
	{"list", list_verb},
	{NULL, NULL},
};
