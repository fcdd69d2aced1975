/*
 * user SPEC GROUP…: `NAME_OR_ID[:GROUP]`, looked up in the container's own /etc/passwd and /etc/group, after pivot_root and by
 * openat2(RESOLVE_IN_ROOT). The files are the image's, so hostile: the parser reads lines of bounded length from files of
 * bounded size and trusts no field.
 */
#include <grp.h>
#include <linux/openat2.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <sys/syscall.h>

#include "start.h"

#define MAX_GROUPS 256
#define MAX_FILE (4 * 1024 * 1024)

struct identity {
	uid_t uid;
	gid_t gid;
	char name[256];
	char home[256];
	gid_t groups[MAX_GROUPS];
	int groups_used;
};

struct lines {
	int fd;
	size_t start, end, total;
	char data[8192];
};

/* The next line, NUL-ended, at most as long as the buffer (a longer one is skipped). NULL at the end. */
static char *next_line(struct lines *lines)
{
	bool skipping = false;
	for (;;) {
		char *line = lines->data + lines->start;
		char *newline = memchr(line, '\n', lines->end - lines->start);
		if (newline) {
			*newline = '\0';
			lines->start = (size_t)(newline - lines->data) + 1;
			if (!skipping)
				return line;
			skipping = false;
			continue;
		}
		memmove(lines->data, line, lines->end - lines->start);
		lines->end -= lines->start;
		lines->start = 0;
		if (lines->end == sizeof(lines->data) - 1) {
			skipping = true;
			lines->end = 0;
		}
		ssize_t n = lines->total < MAX_FILE ? read(lines->fd, lines->data + lines->end, sizeof(lines->data) - 1 - lines->end) : 0;
		if (n <= 0) {
			lines->data[lines->end] = '\0';
			lines->start = lines->end;
			return lines->end > 0 && !skipping ? (lines->end = 0, lines->start = 0, lines->data) : NULL;
		}
		lines->end += (size_t)n;
		lines->total += (size_t)n;
	}
}

/* Missing or not a plain file: no entries, as in an image made from scratch. */
static bool open_lines(struct lines *lines, const char *path)
{
	struct open_how how = {.flags = O_RDONLY | O_NONBLOCK | O_NOCTTY | O_CLOEXEC, .resolve = RESOLVE_IN_ROOT | RESOLVE_NO_MAGICLINKS};
	struct stat st;
	fd_auto int root = open("/", O_PATH | O_DIRECTORY | O_CLOEXEC);
	lines->start = lines->end = lines->total = 0;
	lines->fd = (int)syscall(SYS_openat2, root, path, &how, sizeof(how));
	if (lines->fd >= 0 && fstat(lines->fd, &st) == 0 && S_ISREG(st.st_mode))
		return true;
	close_fd(&lines->fd);
	return false;
}

/* Cuts `line` at colons; false when there are fewer fields. */
static bool split(char *line, char **fields, int count)
{
	for (int i = 0; i < count; i++) {
		fields[i] = strsep(&line, ":");
		if (!fields[i])
			return false;
	}
	return true;
}

static bool parse_id(const char *text, unsigned int *out)
{
	long long value;
	if (!parse_number(text, 0, 4294967294LL, &value))
		return false;
	*out = (unsigned int)value;
	return true;
}

/* By name, or by number when the text is one and no name matches it. */
static bool find_user(const char *wanted, struct identity *identity)
{
	struct lines lines;
	unsigned int number = 0;
	bool is_number = parse_id(wanted, &number);
	bool found = false;
	if (!open_lines(&lines, "etc/passwd"))
		return false;
	for (char *line; !found && (line = next_line(&lines));) {
		char *field[6];
		unsigned int uid, gid;
		if (!split(line, field, 6) || !parse_id(field[2], &uid) || !parse_id(field[3], &gid))
			continue;
		if (is_number ? uid != number : strcmp(field[0], wanted) != 0)
			continue;
		identity->uid = uid;
		identity->gid = gid;
		snprintf(identity->name, sizeof(identity->name), "%s", field[0]);
		snprintf(identity->home, sizeof(identity->home), "%s", field[5]);
		found = true;
	}
	close(lines.fd);
	return found;
}

static void add_group(struct identity *identity, gid_t gid)
{
	for (int i = 0; i < identity->groups_used; i++)
		if (identity->groups[i] == gid)
			return;
	if (identity->groups_used < MAX_GROUPS)
		identity->groups[identity->groups_used++] = gid;
}

static bool is_member(char *members, const char *name)
{
	for (char *member; (member = strsep(&members, ","));)
		if (strcmp(member, name) == 0)
			return true;
	return false;
}

/* Group id of a name (or a number); false when there is none. */
static bool find_group(const char *wanted, gid_t *gid)
{
	struct lines lines;
	bool found = false;
	unsigned int number;
	if (open_lines(&lines, "etc/group")) {
		for (char *line; !found && (line = next_line(&lines));) {
			char *field[3];
			if (split(line, field, 3) && strcmp(field[0], wanted) == 0 && parse_id(field[2], &number)) {
				*gid = number;
				found = true;
			}
		}
		close(lines.fd);
	}
	if (!found && parse_id(wanted, &number)) {
		*gid = number;
		found = true;
	}
	return found;
}

static void add_memberships(struct identity *identity)
{
	struct lines lines;
	unsigned int gid;
	if (identity->name[0] == '\0' || !open_lines(&lines, "etc/group"))
		return;
	for (char *line; (line = next_line(&lines));) {
		char *field[4];
		if (split(line, field, 4) && parse_id(field[2], &gid) && is_member(field[3], identity->name))
			add_group(identity, gid);
	}
	close(lines.fd);
}

static int resolve(struct start *start, const char *spec, struct identity *identity)
{
	char user[256];
	unsigned int uid;
	const char *colon = strchr(spec, ':');
	snprintf(user, sizeof(user), "%.*s", colon ? (int)(colon - spec) : (int)strlen(spec), spec);
	const char *wanted = user[0] ? user : "0";
	if (!find_user(wanted, identity)) {
		if (!parse_id(wanted, &uid))
			return op_fail(&start->ctx, 0, "user %s is not in the container's /etc/passwd", wanted);
		identity->uid = uid;
	}
	bool has_group = colon && colon[1];
	if (has_group && !find_group(colon + 1, &identity->gid))
		return op_fail(&start->ctx, 0, "group %s is not in the container's /etc/group", colon + 1);
	/* The first group is among the others, or a set-group-id program could shed it (CVE-2022-36109). */
	add_group(identity, identity->gid);
	if (!has_group)
		add_memberships(identity);
	return 0;
}

/* Its streams belong to the user, who may want to open /dev/stdout or its terminal again. */
static void own_streams(uid_t uid)
{
	for (int fd = 0; fd < 3; fd++) {
		struct stat st;
		if (fstat(fd, &st) == 0 && (S_ISFIFO(st.st_mode) || isatty(fd)) && fchown(fd, uid, (gid_t)-1) < 0)
			continue; /* not ours to give: it stays root's */
	}
}

int user_apply(struct start *start, struct planned *planned)
{
	struct identity identity = {0};
	if (resolve(start, planned->args[0], &identity) < 0)
		return -1;
	for (int i = 1; i < planned->n; i++) {
		gid_t gid;
		if (!find_group(planned->args[i], &gid))
			return op_fail(&start->ctx, 0, "group %s is not in the container's /etc/group", planned->args[i]);
		add_group(&identity, gid);
	}
	snprintf(start->home, sizeof(start->home), "%s", identity.home);
	if (use_stdio(start) < 0)
		return -1;
	own_streams(identity.uid);
	if (setgroups((size_t)identity.groups_used, identity.groups) < 0 || setresgid(identity.gid, identity.gid, identity.gid) < 0)
		return op_fail(&start->ctx, errno, "become group %u (is it in the project's range of 65536 ids?)", identity.gid);
	if (setresuid(identity.uid, identity.uid, identity.uid) < 0)
		return op_fail(&start->ctx, errno, "become user %u (is it in the project's range of 65536 ids?)", identity.uid);
	if (!start->has_capabilities)
		return 0;
	return set_capabilities(&start->ctx, identity.uid == 0 ? start->capabilities : 0);
}

void user_home(const char *uid, char *out, size_t size)
{
	struct identity identity = {0};
	find_user(uid, &identity);
	snprintf(out, size, "%s", identity.home[0] ? identity.home : "/");
}
