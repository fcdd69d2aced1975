/* gantry-archive: see archive.h for what it does and how it is called. */
#include "archive_tool.h"

#include <err.h>
#include <errno.h>
#include <fcntl.h>
#include <iconv.h>
#include <locale.h>
#include <openssl/crypto.h>
#include <openssl/evp.h>
#include <pthread.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <unistd.h>

uint64_t parse_number(const char *text)
{
	char *end;
	errno = 0;
	unsigned long long value = strtoull(text, &end, 10);
	if (errno || *end || end == text)
		errx(2, "not a number: %s", text);
	return value;
}

static void *nothing(void *unused)
{
	return unused;
}

/* Everything that the libraries load or look up lazily is there now, before the root changes. */
static void load_early(void)
{
	if (!setlocale(LC_CTYPE, "C.UTF-8"))
		errx(2, "the locale C.UTF-8 is missing (part of libc-bin)");
	iconv_t utf8 = iconv_open("UTF-8", "UTF-8");
	if (utf8 != (iconv_t)-1)
		iconv_close(utf8);
	OPENSSL_init_crypto(OPENSSL_INIT_NO_LOAD_CONFIG, NULL);
	EVP_MD_CTX *hash = EVP_MD_CTX_new();
	if (!hash || EVP_DigestInit_ex(hash, EVP_sha256(), NULL) != 1)
		errx(2, "libcrypto has no SHA-256");
	EVP_MD_CTX_free(hash);
	/* glibc opens libgcc_s when a thread ends early; one that has ended makes it do so now. */
	pthread_t thread;
	if (pthread_create(&thread, NULL, nothing, NULL) == 0)
		pthread_join(thread, NULL);
}

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
	else if (is(operation, "layer", argc, 0))
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
	load_early();
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
