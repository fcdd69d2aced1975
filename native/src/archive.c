/* gantry-archive: see archive.h for what it does and how it is called. */
#include "archive_tool.h"

#include <err.h>
#include <string.h>
#include <sys/prctl.h>

static bool is(const char *operation, const char *name, int argc, int least)
{
	return strcmp(operation, name) == 0 && argc > least;
}

static void run(int root, int argc, char **argv)
{
	const char *operation = argv[0];
	if (is(operation, "stat", argc, 1) || is(operation, "look", argc, 1))
		archive_stat(root, argv[1], operation[0] == 'l');
	else if (is(operation, "read", argc, 2))
		archive_read(root, argv[1], parse_number(argv[2]));
	else if (is(operation, "list", argc, 2))
		archive_list(root, argv[1], strcmp(argv[2], "sum") == 0);
	else if (is(operation, "sniff", argc, 1))
		archive_sniff(root, argv[1]);
	else if (is(operation, "get", argc, 3) && argc % 2 == 0)
		archive_get(root, argc - 1, argv + 1, false);
	else if (is(operation, "layer", argc, 1))
		archive_get(root, argc - 1, argv + 1, true);
	else if (is(operation, "changes", argc, 0))
		archive_changes(root);
	else if (is(operation, "put", argc, 9))
		archive_put(root, argv + 1);
	else if (is(operation, "mkdir", argc, 3))
		archive_mkdir(root, argv + 1);
	else
		errx(2, "unknown operation %s, or too few arguments (see archive.h)", operation);
}

int main(int argc, char **argv)
{
	int root;
	prctl(PR_SET_PDEATHSIG, 9);
	sandbox_load_early();
	sandbox_limits();
	int used = view_enter(argc - 1, argv + 1, &root);
	/* A change of credentials has cleared it (prctl(2)). */
	prctl(PR_SET_PDEATHSIG, 9);
	prctl(PR_SET_DUMPABLE, 0);
	if (argc - 1 - used < 1)
		errx(2, "no operation");
	sandbox_close();
	run(root, argc - 1 - used, argv + 1 + used);
	return 0;
}
