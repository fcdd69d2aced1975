/*
 * Firewall. The ruleset is loaded once as text by a separate program (libnftables cannot be linked statically); from then on a
 * container or port is only an element of a set or map, sent from here as a raw nf_tables batch: one transaction, tens of microseconds.
 *
 *   nft.elements VERB FAMILY TABLE SET KEY DATA [VERB FAMILY TABLE SET KEY DATA]...
 *
 * VERB: `+` add, `-` remove; `+end` and `-end` the same for the end of an interval. FAMILY: `inet` or `bridge`.
 * KEY and DATA are hex, as the set's registers have them: fields of a concatenation are each padded with zeros to 4 bytes, all
 * in network byte order, names to 16 bytes (nf_tables_api.c, nft_data_init). DATA is `-` for a set without data.
 *
 * A removal whose element is gone is fine: recovery may repeat it. Source: include/uapi/linux/netfilter/nf_tables.h.
 */
#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <linux/netfilter.h>
#include <linux/netfilter/nf_tables.h>
#include <linux/netfilter/nfnetlink.h>
#include <poll.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/wait.h>
#include <unistd.h>

#include "net.h"

enum { FIELDS = 6, VERB = 0, FAMILY, TABLE, SET, KEY, DATA };
/* NFT_DATA_VALUE_MAXLEN of the kernel. */
enum { VALUE_MAX = 64 };

static int hex_digit(char c)
{
	if (c >= '0' && c <= '9')
		return c - '0';
	return c >= 'a' && c <= 'f' ? c - 'a' + 10 : -1;
}

/* Number of bytes, or -1 when the text is not pairs of lower-case hex digits or too long. */
static int parse_hex(const char *text, unsigned char out[VALUE_MAX])
{
	const size_t length = strlen(text);
	if (length == 0 || length % 2 != 0 || length / 2 > VALUE_MAX)
		return -1;
	for (size_t i = 0; i < length; i += 2) {
		const int high = hex_digit(text[i]), low = hex_digit(text[i + 1]);
		if (high < 0 || low < 0)
			return -1;
		out[i / 2] = (unsigned char)(high << 4 | low);
	}
	return (int)(length / 2);
}

static void put_batch_edge(struct nl_message *message, uint16_t type)
{
	struct nfgenmsg *body = nl_begin(message, type, 0, sizeof *body);
	body->res_id = htons(NFNL_SUBSYS_NFTABLES);
}

static int put_value(struct op_ctx *ctx, struct nl_message *message, uint16_t type, const char *hex)
{
	unsigned char bytes[VALUE_MAX];
	const int size = parse_hex(hex, bytes);
	if (size < 0)
		return op_fail(ctx, EINVAL, "set element %s", hex);
	const size_t nest = nl_nest(message, type);
	nl_put(message, NFTA_DATA_VALUE, bytes, (size_t)size);
	nl_nest_end(message, nest);
	return 0;
}

static int put_element(struct op_ctx *ctx, struct nl_message *message, char **field, bool last)
{
	const bool add = field[VERB][0] == '+';
	const bool end = strcmp(field[VERB] + 1, "end") == 0;
	if ((!add && field[VERB][0] != '-') || (!end && field[VERB][1]))
		return op_fail(ctx, EINVAL, "verb %s", field[VERB]);
	const uint16_t type = (NFNL_SUBSYS_NFTABLES << 8) | (add ? NFT_MSG_NEWSETELEM : NFT_MSG_DELSETELEM);
	struct nfgenmsg *body = nl_begin(message, type, (last ? NLM_F_ACK : 0) | (add ? NLM_F_CREATE : 0), sizeof *body);
	body->nfgen_family = strcmp(field[FAMILY], "bridge") == 0 ? NFPROTO_BRIDGE : NFPROTO_INET;
	nl_put_text(message, NFTA_SET_ELEM_LIST_TABLE, field[TABLE]);
	nl_put_text(message, NFTA_SET_ELEM_LIST_SET, field[SET]);
	const size_t list = nl_nest(message, NFTA_SET_ELEM_LIST_ELEMENTS);
	const size_t element = nl_nest(message, NFTA_LIST_ELEM);
	if (end)
		nl_put_u32(message, NFTA_SET_ELEM_FLAGS, htonl(NFT_SET_ELEM_INTERVAL_END));
	if (put_value(ctx, message, NFTA_SET_ELEM_KEY, field[KEY]) < 0)
		return -1;
	if (strcmp(field[DATA], "-") != 0 && put_value(ctx, message, NFTA_SET_ELEM_DATA, field[DATA]) < 0)
		return -1;
	nl_nest_end(message, element);
	nl_nest_end(message, list);
	return 0;
}

/*
 * Sends elements [first, last) of the arguments as one transaction. A refused message is always reported, a good one only when it
 * asks for it: the last one does, so that many elements do not overflow the socket with acknowledgements.
 */
static int send_batch(struct op_ctx *ctx, int fd, char **args, int first, int last, struct nl_error *error)
{
	struct nl_message *message = net_message();
	put_batch_edge(message, NFNL_MSG_BATCH_BEGIN);
	for (int i = first; i < last; i += FIELDS)
		if (put_element(ctx, message, args + i, i + FIELDS == last) < 0)
			return -2;
	put_batch_edge(message, NFNL_MSG_BATCH_END);
	return nl_talk(fd, message, 1, error);
}

/* After a transaction of removals failed with ENOENT: each on its own, so that the others go. */
static int remove_one_by_one(struct op_ctx *ctx, char **args, int n)
{
	struct nl_error error;
	for (int i = 0; i < n; i += FIELDS) {
		fd_auto int fd = net_socket(ctx, "host", NETLINK_NETFILTER);
		if (fd < 0)
			return -1;
		if (send_batch(ctx, fd, args, i, i + FIELDS, &error) < 0 && error.number != ENOENT)
			return net_refused(ctx, &error, "remove element of", args[i + SET]);
	}
	return 0;
}

int nft_elements(struct op_ctx *ctx, char **args, int n)
{
	if (n % FIELDS != 0)
		return op_fail(ctx, EINVAL, "%d arguments are not groups of 6", n);
	bool removals = true;
	for (int i = 0; i < n; i += FIELDS)
		removals = removals && args[i][0] == '-';
	fd_auto int fd = net_socket(ctx, "host", NETLINK_NETFILTER);
	if (fd < 0)
		return -1;
	struct nl_error error;
	const int result = send_batch(ctx, fd, args, 0, n, &error);
	if (result == 0 || result == -2)
		return result == 0 ? 0 : -1;
	if (removals && error.number == ENOENT)
		return remove_one_by_one(ctx, args, n);
	return net_refused(ctx, &error, removals ? "remove element of" : "change elements of", args[SET]);
}

static int ruleset_file(struct op_ctx *ctx, const char *text)
{
	fd_auto int fd = memfd_create("ruleset", MFD_CLOEXEC);
	if (fd < 0)
		return op_fail(ctx, errno, "make memory file for the ruleset");
	const size_t length = strlen(text);
	for (size_t done = 0; done < length;) {
		const ssize_t wrote = write(fd, text + done, length - done);
		if (wrote < 0)
			return op_fail(ctx, errno, "write ruleset");
		done += (size_t)wrote;
	}
	if (lseek(fd, 0, SEEK_SET) < 0)
		return op_fail(ctx, errno, "rewind ruleset");
	return steal_fd(&fd);
}

static void run_nft(const char *program, int input, int output)
{
	char *const argv[] = {"gantry-nft", NULL};
	char *const envp[] = {NULL};
	if (dup2(input, STDIN_FILENO) < 0 || dup2(output, STDOUT_FILENO) < 0 || dup2(output, STDERR_FILENO) < 0)
		_exit(126);
	execve(program, argv, envp);
	_exit(127);
}

/* nft.load PROGRAM TEXT */
int nft_load(struct op_ctx *ctx, char **args, int n)
{
	(void)n;
	fd_auto int input = ruleset_file(ctx, args[1]);
	if (input < 0)
		return -1;
	int ends[2];
	if (pipe2(ends, O_CLOEXEC) < 0)
		return op_fail(ctx, errno, "make pipe");
	fd_auto int output = ends[0];
	fd_auto int write_end = ends[1];
	const pid_t child = fork();
	if (child < 0)
		return op_fail(ctx, errno, "fork");
	if (child == 0)
		run_nft(args[0], input, write_end);
	close(steal_fd(&write_end));
	char words[1024];
	size_t length = 0;
	for (ssize_t got; (got = read(output, words + length, sizeof words - 1 - length)) > 0;)
		length += (size_t)got;
	words[length] = 0;
	int status;
	while (waitpid(child, &status, 0) < 0)
		if (errno != EINTR)
			return op_fail(ctx, errno, "wait for %s", args[0]);
	if (WIFEXITED(status) && WEXITSTATUS(status) == 127)
		return op_fail(ctx, ENOENT, "run %s", args[0]);
	if (!WIFEXITED(status) || WEXITSTATUS(status) != 0)
		return op_fail(ctx, 0, "load firewall ruleset: %s", words);
	return 0;
}
