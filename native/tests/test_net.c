/*
 * Network operations against the kernel, in network namespaces of our own: needs root, leaves nothing behind.
 * A namespace for "host", and one inside a child process for "the container".
 */
#include <sched.h>
#include <signal.h>
#include <stdlib.h>
#include <sys/wait.h>

#include "core.h"
#include "net.h"

static int failures;
static char results_data[65536];
static struct buf results = {.data = results_data, .capacity = sizeof(results_data)};
static char last_error[512];

#define CHECK(condition)                                                                        \
	do {                                                                                    \
		if (!(condition)) {                                                             \
			fprintf(stderr, "%s:%d: %s\n  last error: %s\n", __FILE__, __LINE__, #condition, last_error); \
			failures++;                                                             \
		}                                                                               \
	} while (0)

/* Runs one operation given as strings; its result is in `results`. Returns 0, or its errno (-1 for none). */
static int run(const char *name, ...)
{
	char *args[64];
	int n = 0;
	va_list list;
	va_start(list, name);
	for (const char *arg; (arg = va_arg(list, const char *)) != NULL;)
		args[n++] = (char *)arg;
	va_end(list);
	results.length = 0;
	struct op_ctx ctx = {.op = name, .results = &results};
	for (const struct op *op = net_ops; op->name; op++) {
		if (strcmp(op->name, name) != 0)
			continue;
		if (n < op->min_args)
			return EINVAL;
		if (op->run(&ctx, args, n) == 0)
			return 0;
		snprintf(last_error, sizeof(last_error), "%s", ctx.text);
		return ctx.err ? ctx.err : -1;
	}
	return ENOSYS;
}

static const char *result(void)
{
	results_data[results.length] = '\0';
	return results_data;
}

static pid_t start_container(void)
{
	int ready[2];
	char byte;
	if (pipe(ready) < 0)
		exit(1);
	pid_t pid = fork();
	if (pid == 0) {
		if (unshare(CLONE_NEWNET) < 0 || write(ready[1], "x", 1) != 1)
			_exit(1);
		for (;;)
			pause();
	}
	if (pid < 0 || read(ready[0], &byte, 1) != 1)
		exit(1);
	close(ready[0]);
	close(ready[1]);
	return pid;
}

static void test_links(const char *inside)
{
	CHECK(run("net.bridge", "gbtest", "02:67:00:00:00:01", "1400", NULL) == 0);
	CHECK(run("net.bridge", "gbtest", "02:67:00:00:00:01", "1400", NULL) == 0);
	CHECK(run("net.bridge", "br-named", "02:67:00:00:00:02", "1400", "gbnamed", NULL) == 0);
	CHECK(run("net.bridge", "br-named", "02:67:00:00:00:02", "1400", "gbnamed", NULL) == 0);
	CHECK(run("net.bridge", "br-named", "02:67:00:00:00:03", "1400", "gbnamed", NULL) == EEXIST);
	CHECK(run("net.bridge", "gbtest", "02:67:00:00:00:02", "1400", "gbnamed", NULL) == EEXIST);
	CHECK(run("net.delete", "host", "gbnamed", NULL) == 0);
	CHECK(run("net.delete", "host", "br-named", NULL) == ENODEV);
	CHECK(run("net.bridge", "a-name-that-is-too-long", "02:67:00:00:00:01", "1400", NULL) == EINVAL);
	CHECK(run("net.bridge", "gbother", "02:67:00:00:00", "1400", NULL) == EINVAL);
	CHECK(run("net.bridge", "gbother", "02:67:00:00:00:01", "1", NULL) != 0);
	CHECK(run("net.set", "host", "gbtest", "up", "1", NULL) == 0);
	CHECK(run("net.veth", inside, "eth0", "gvtest", "gbtest", "1400", "02:67:00:00:00:02", "a label", NULL) == 0);
	CHECK(run("net.veth", inside, "eth0", "gvtest", "gbtest", "1400", "02:67:00:00:00:02", "", NULL) == EEXIST);
	CHECK(run("net.veth", inside, "eth1", "gvtest1", "nobridge", "1400", "02:67:00:00:00:02", "", NULL) == ENODEV);
	CHECK(run("net.set", "host", "gvtest", "up", "1", "hairpin", "1", "isolated", "1", "learning", "0", NULL) == 0);
	CHECK(run("net.set", inside, "eth0", "up", "1", NULL) == 0);
	CHECK(run("net.set", inside, "lo", "up", "1", NULL) == 0);
	CHECK(run("net.set", "host", "gvtest", "colour", "red", NULL) == EINVAL);
	CHECK(run("net.set", "host", "gvtest", "up", NULL) == EINVAL);
	CHECK(run("net.set", "host", "nothing", "up", "1", NULL) == ENODEV);
	CHECK(run("net.links", "host", "gvtest", NULL) == 0);
	CHECK(strncmp(result(), "gvtest ", 7) == 0 && strstr(result(), " a label\n"));
	CHECK(run("net.links", inside, "eth", NULL) == 0 && strncmp(result(), "eth0 ", 5) == 0);
}

static void test_addresses(const char *inside)
{
	CHECK(run("net.address", "host", "gbtest", "10.9.0.1/24", NULL) == 0);
	CHECK(run("net.address", inside, "eth0", "10.9.0.2/24", NULL) == 0);
	CHECK(run("net.address", inside, "eth0", "10.9.0.2/24", NULL) == 0);
	CHECK(run("net.address", inside, "eth0", "fd00::2/64", NULL) == 0);
	CHECK(run("net.address", inside, "eth0", "10.9.0.2/33", NULL) != 0);
	CHECK(run("net.address", inside, "eth0", "10.9.0", NULL) == EINVAL);
	CHECK(run("net.address", inside, "eth9", "10.9.0.3/24", NULL) == ENODEV);
	CHECK(run("net.route", inside, "0.0.0.0/0", "10.9.0.1", "eth0", NULL) == 0);
	CHECK(run("net.route", inside, "10.8.0.0/16", "-", "eth0", "7", NULL) == 0);
	CHECK(run("net.routes", inside, NULL) == 0 && strstr(result(), "0.0.0.0/0 ") && strstr(result(), "10.8.0.0/16 "));
	CHECK(run("net.route.delete", inside, "10.8.0.0/16", "-", "eth0", NULL) == 0);
	CHECK(run("net.route.delete", inside, "10.8.0.0/16", "-", "eth0", NULL) == ESRCH);
	CHECK(run("net.neighbour", inside, "eth0", "10.9.0.9", "02:67:00:00:00:09", NULL) == 0);
	CHECK(run("net.address.delete", inside, "eth0", "fd00::2/64", NULL) == 0);
	CHECK(run("net.address.delete", inside, "eth0", "fd00::2/64", NULL) == EADDRNOTAVAIL);
}

static void test_sysctls(const char *inside)
{
	CHECK(run("net.sysctl", inside, "net/ipv4/ip_unprivileged_port_start", "7", NULL) == 0);
	CHECK(run("net.sysctl.read", inside, "net/ipv4/ip_unprivileged_port_start", NULL) == 0 && strcmp(result(), "7") == 0);
	CHECK(run("net.sysctl.read", "host", "net/ipv4/ip_unprivileged_port_start", NULL) == 0 && strcmp(result(), "7") != 0);
	CHECK(run("net.sysctl", inside, "net/ipv4/nothing", "1", NULL) == ENOENT);
	CHECK(run("net.sysctl?", inside, "net/ipv4/nothing", "1", NULL) == 0);
	CHECK(run("net.sysctl", inside, "../self/comm", "x", NULL) == EINVAL);
	CHECK(run("net.sysctl", inside, "/etc/passwd", "x", NULL) == EINVAL);
}

static void test_elements(void)
{
	const char *table = "t";
	CHECK(run("nft.load", "build/gantry-nft",
		      "table inet t { set s { type ipv4_addr; }; map m { type inet_service : ipv4_addr; }; "
		      "set i { type ipv4_addr; flags interval; }; }",
		      NULL) == 0);
	CHECK(run("nft.load", "build/gantry-nft", "no such command", NULL) == -1 && strstr(last_error, "syntax error"));
	CHECK(run("nft.load", "build/nothing", "list tables", NULL) == ENOENT);
	CHECK(run("nft.elements", "+", "inet", table, "s", "0a000001", "-", "+", "inet", table, "m", "0050", "0a000001", NULL) == 0);
	CHECK(run("nft.elements", "+", "inet", table, "i", "0a000000", "-", "+end", "inet", table, "i", "0b000000", "-", NULL) == 0);
	CHECK(run("nft.elements", "+", "inet", table, "none", "0a000002", "-", "+", "inet", table, "s", "0a000002", "-", NULL) == ENOENT);
	/* All or nothing: the second does not exist, so the first must not be there either. */
	CHECK(run("nft.elements", "+", "inet", table, "s", "0a000002", "-", "+", "inet", table, "none", "0a000002", "-", NULL) == ENOENT);
	CHECK(run("nft.elements", "-", "inet", table, "i", "0a000000", "-", "-end", "inet", table, "i", "0b000000", "-", NULL) == 0);
	/* Removals that are gone already do not keep the others. */
	CHECK(run("nft.elements", "-", "inet", table, "s", "0a000002", "-", "-", "inet", table, "s", "0a000001", "-", NULL) == 0);
	CHECK(run("nft.elements", "-", "inet", table, "s", "0a000001", "-", NULL) == 0);
	CHECK(run("nft.elements", "+", "inet", table, "s", "0a00000", "-", NULL) == EINVAL);
	CHECK(run("nft.elements", "+", "inet", table, "s", "0A000001", "-", NULL) == EINVAL);
	CHECK(run("nft.elements", "*", "inet", table, "s", "0a000001", "-", NULL) == EINVAL);
	CHECK(run("nft.elements", "+", "inet", table, "s", "0a000001", "-", "+", NULL) == EINVAL);
	CHECK(run("nft.load", "build/gantry-nft", "add chain inet t c { type filter hook forward priority 0; policy drop; }", NULL) == 0);
	CHECK(run("nft.chains", NULL) == 0 && strcmp(result(), "inet t c forward drop\n") == 0);
}

static void test_bounds(void)
{
	struct nl_message *message = net_message();
	struct nl_error error;
	fd_auto int fd = nl_open(NETLINK_ROUTE);
	static char big[70000];
	nl_begin(message, 16, NLM_F_ACK, 16);
	nl_put(message, 1, big, 60000);
	CHECK(!message->overflow);
	nl_put(message, 1, big, 60000);
	CHECK(message->overflow);
	CHECK(nl_talk(fd, message, 1, &error) < 0 && error.number == EMSGSIZE);
	nl_reset(message);
	nl_begin(message, 16, NLM_F_ACK, 16);
	nl_put(message, 1, big, sizeof(big));
	CHECK(message->overflow);
}

int main(void)
{
	if (unshare(CLONE_NEWNET) < 0) {
		perror("test_net needs root");
		return 1;
	}
	const pid_t container = start_container();
	char inside[32];
	snprintf(inside, sizeof(inside), "pid:%d", (int)container);
	test_links(inside);
	test_addresses(inside);
	test_sysctls(inside);
	test_elements();
	test_bounds();
	CHECK(run("net.conntrack.forget", "53", NULL) == 0);
	CHECK(run("net.conntrack.forget", "0", NULL) != 0);
	CHECK(run("net.delete", "host", "gvtest", NULL) == 0);
	CHECK(run("net.delete", "host", "gvtest", NULL) == ENODEV);
	CHECK(run("net.delete?", "host", "gvtest", NULL) == 0);
	CHECK(run("net.links", inside, "eth", NULL) == 0 && strcmp(result(), "") == 0);
	kill(container, SIGKILL);
	waitpid(container, NULL, 0);
	return failures == 0 ? 0 : 1;
}
