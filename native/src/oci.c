/* The program: global options, which verb, errors. See oci.h. */
#include "oci.h"

#include <libgen.h>
#include <stdlib.h>
#include <time.h>

struct globals globals = {.root = "/run/gantry-oci"};

_Noreturn void hand_over(void)
{
	char self[PATH_MAX], script[PATH_MAX + 32];
	ssize_t length = readlink("/proc/self/exe", self, sizeof(self) - 1);
	if (length > 0) {
		self[length] = '\0';
		/* native/build/gantry-oci */
		snprintf(script, sizeof(script), "%s/apps/oci/bin/gantry-oci.cjs", dirname(dirname(dirname(self))));
	}
	if (length <= 0 || access(script, R_OK) < 0) {
		fputs("gantry-oci: not built yet: npm start builds everything (npm run "
		      "build: only the bundles)\n",
			stderr);
		exit(1);
	}
	int count = 0;
	while (globals.words[count])
		count++;
	char **args = calloc((size_t)count + 3, sizeof(char *));
	if (!args)
		exit(1);
	args[0] = "node";
	args[1] = script;
	for (int i = 0; i < count; i++)
		args[2 + i] = globals.words[i];
	execvp("node", args);
	fprintf(stderr, "gantry-oci: node cannot be run: %s\n", strerrordesc_np(errno));
	exit(1);
}

/* Callers read the last line of level error in the file they named (conmon and containerd-shim do). */
static void log_error(const char *words)
{
	char time[32], data[8192];
	struct buf line = {.data = data, .capacity = sizeof(data)};
	struct timespec now;
	struct tm tm;
	fd_auto int fd = globals.log ? open(globals.log, O_WRONLY | O_APPEND | O_CREAT | O_CLOEXEC, 0600) : -1;
	if (fd < 0)
		return;
	clock_gettime(CLOCK_REALTIME, &now);
	gmtime_r(&now.tv_sec, &tm);
	size_t used = strftime(time, sizeof(time), "%Y-%m-%dT%H:%M:%S", &tm);
	snprintf(time + used, sizeof(time) - used, ".%03ldZ", now.tv_nsec / 1000000);
	if (!globals.json)
		buf_format(&line, "time=\"%s\" level=error msg=", time);
	else
		buf_text(&line, "{\"level\":\"error\",\"msg\":");
	buf_json(&line, words, strlen(words));
	if (globals.json)
		buf_format(&line, ",\"time\":\"%s\"}", time);
	buf_text(&line, "\n");
	if (write_all(fd, line.data, line.length) < 0)
		perror("gantry-oci: log");
}

_Noreturn void fail_with(const char *format, ...)
{
	char words[4096];
	va_list args;
	va_start(args, format);
	vsnprintf(words, sizeof(words), format, args);
	va_end(args);
	log_error(words);
	fprintf(stderr, "gantry-oci: %s\n", words);
	exit(1);
}

void sleep_ms(long ms)
{
	struct timespec pause = {.tv_sec = ms / 1000, .tv_nsec = ms % 1000 * 1000000};
	nanosleep(&pause, NULL);
}

/* The value of option `name` at words[*at], which then is its last word; NULL when that is another one. */
static const char *option_value(char **words, int *at, const char *name)
{
	const char *word = words[*at];
	if (*word != '-')
		return NULL;
	word += word[1] == '-' ? 2 : 1;
	size_t length = strlen(name);
	if (strncmp(word, name, length) != 0)
		return NULL;
	if (word[length] == '=')
		return word + length + 1;
	if (word[length] != '\0' || !words[*at + 1])
		return NULL;
	return words[++*at];
}

/* Where the verb is. Options that are rare are node's. */
static int read_globals(char **words)
{
	int at = 0;
	for (; words[at] && words[at][0] == '-'; at++) {
		const char *value;
		if ((value = option_value(words, &at, "root")))
			globals.root = value;
		else if ((value = option_value(words, &at, "log-format")) && (strcmp(value, "json") == 0 || strcmp(value, "text") == 0))
			globals.json = strcmp(value, "json") == 0;
		else if (!value && (value = option_value(words, &at, "log")))
			globals.log = value;
		else
			hand_over();
	}
	return at;
}

int main(int argc, char **argv)
{
	globals.words = argv + 1;
	if (argc < 2 || geteuid() != 0)
		hand_over();
	int at = read_globals(globals.words);
	char **words = globals.words + at;
	for (const struct verb *verb = verbs; words[0] && verb->name; verb++)
		if (strcmp(verb->name, words[0]) == 0)
			return verb->run(words + 1, argc - 2 - at);
	hand_over();
}
