/* list: every container below the root. */
#include <dirent.h>
#include <stdlib.h>
#include <sys/stat.h>

#include "oci.h"

#define MOST 10000
#define COLUMNS 5

enum format { TABLE, JSON, QUIET };

static enum format format_of(char **words, int n)
{
	if (n == 0)
		return TABLE;
	if (n == 1 && (strcmp(words[0], "-q") == 0 || strcmp(words[0], "--quiet") == 0))
		return QUIET;
	if (n == 2 && (strcmp(words[0], "-f") == 0 || strcmp(words[0], "--format") == 0) && strcmp(words[1], "json") == 0)
		return JSON;
	if (n == 1 && strcmp(words[0], "--format=json") == 0)
		return JSON;
	hand_over();
}

static int is_container(const struct dirent *entry)
{
	return entry->d_type == DT_DIR && entry->d_name[0] != '.';
}

/* As JavaScript counts: two for what UTF-8 writes with four bytes. */
static size_t width_of(const char *text)
{
	size_t width = 0;
	for (; *text; text++)
		width += ((unsigned char)*text & 0xc0) == 0x80 ? 0 : (unsigned char)*text >= 0xf0 ? 2 : 1;
	return width;
}

struct row {
	struct container container;
	enum status status;
	char pid[12];
	const char *cells[COLUMNS];
};

static void fill(struct row *row)
{
	const struct container *container = &row->container;
	row->status = container_status(container);
	snprintf(row->pid, sizeof(row->pid), "%d", row->status == STOPPED ? 0 : (int)container->pid);
	const char *cells[COLUMNS] = {container->cells[0], row->pid, status_names[row->status], container->cells[1], container->cells[2]};
	memcpy(row->cells, cells, sizeof(cells));
}

static void add_line(struct buf *out, const char *const cells[COLUMNS], const size_t widths[COLUMNS])
{
	for (int column = 0; column < COLUMNS; column++) {
		size_t padding = column + 1 < COLUMNS ? widths[column] - width_of(cells[column]) + 2 : 0;
		buf_format(out, "%s%*s", cells[column], (int)padding, "");
	}
	buf_text(out, "\n");
}

static void table(struct buf *out, const struct row *rows, int count)
{
	static const char *const head[COLUMNS] = {"ID", "PID", "STATUS", "BUNDLE", "CREATED"};
	size_t widths[COLUMNS];
	for (int column = 0; column < COLUMNS; column++) {
		widths[column] = width_of(head[column]);
		for (int i = 0; i < count; i++)
			widths[column] = width_of(rows[i].cells[column]) > widths[column] ? width_of(rows[i].cells[column]) : widths[column];
	}
	add_line(out, head, widths);
	for (int i = 0; i < count; i++)
		add_line(out, rows[i].cells, widths);
}

static void json(struct buf *out, const struct row *rows, int count)
{
	buf_text(out, "[");
	for (int i = 0; i < count; i++) {
		const char *const *text = rows[i].container.row;
		buf_format(out, "%s%s%s%s%s%s", i ? "," : "", text[0], rows[i].pid, text[1], status_names[rows[i].status], text[2]);
	}
	buf_text(out, "]\n");
}

int list_verb(char **words, int n)
{
	struct dirent **entries = NULL;
	enum format format = format_of(words, n);
	int found = scandir(globals.root, &entries, is_container, alphasort), count = 0;
	if ((found < 0 && errno != ENOENT) || found > MOST)
		hand_over();
	struct row *rows = calloc(found > 0 ? (size_t)found : 1, sizeof(struct row));
	struct buf out = buf_reserve(64 * 1024 * 1024);
	if (!rows || !out.data)
		hand_over();
	for (int i = 0; i < found; i++)
		/* One that goes away meanwhile is not listed. */
		if (load_container(&rows[count].container, entries[i]->d_name))
			fill(&rows[count++]);
	if (format == TABLE)
		table(&out, rows, count);
	else if (format == JSON)
		json(&out, rows, count);
	else
		for (int i = 0; i < count; i++)
			buf_format(&out, "%s\n", rows[i].container.id);
	if (out.truncated)
		hand_over();
	return write_all(1, out.data, out.length) < 0;
}
