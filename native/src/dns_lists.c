/* The agent's comma-separated lists, and what comes in them alone: servers that are asked for other names, and subnets. */
#include "dns.h"

#include <arpa/inet.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "core.h"

struct subnet {
	struct ip base;
	unsigned prefix;
};

static union address host_servers[SERVERS];
static unsigned host_server_count;
static struct subnet *subnets;
static unsigned subnet_count;

unsigned list_count(const char *list)
{
	if (strcmp(list, "-") == 0)
		return 0;
	unsigned count = 1;
	for (; *list; list++)
		count += *list == ',';
	return count;
}

bool ip_parse(const char *text, struct ip *out)
{
	*out = (struct ip){.length = 4};
	if (inet_pton(AF_INET, text, out->bytes) == 1)
		return true;
	out->length = 16;
	return inet_pton(AF_INET6, text, out->bytes) == 1;
}

int list_every(const char *list, int (*each)(const char *item, void *context), void *context)
{
	if (strcmp(list, "-") == 0)
		return 0;
	char *copy = strdup(list), *rest = NULL;
	int result = copy ? 0 : -1;
	for (char *item = copy ? strtok_r(copy, ",", &rest) : NULL; item && result == 0; item = strtok_r(NULL, ",", &rest))
		result = each(item, context);
	const int number = errno;
	free(copy);
	errno = number;
	return result;
}

struct server_list {
	union address *out;
	unsigned count;
};

/* `ADDRESS` or `ADDRESS#PORT`. */
static int add_server(const char *item, void *context)
{
	struct server_list *list = context;
	char text[INET6_ADDRSTRLEN];
	const char *mark = strchr(item, '#');
	const size_t length = mark ? (size_t)(mark - item) : strlen(item);
	long long port = 53;
	if (length >= sizeof text || (mark && !parse_number(mark + 1, 1, 65535, &port))) {
		errno = EINVAL;
		return -1;
	}
	memcpy(text, item, length);
	text[length] = 0;
	if (list->count == SERVERS)
		return 0;
	if (!address_parse(text, (unsigned)port, &list->out[list->count])) {
		errno = EINVAL;
		return -1;
	}
	list->count++;
	return 0;
}

int parse_servers(const char *text, union address *out, unsigned *count)
{
	struct server_list list = {.out = out};
	if (list_every(text, add_server, &list) < 0)
		return -1;
	*count = list.count;
	return 0;
}

int table_host_servers(const char *list)
{
	return parse_servers(list, host_servers, &host_server_count);
}

const union address *client_servers(const struct client *client, unsigned *count)
{
	*count = client->hosts_servers ? host_server_count : client->server_count;
	return client->hosts_servers ? host_servers : client->servers;
}

static int add_subnet(const char *item, void *context)
{
	(void)context;
	char text[INET6_ADDRSTRLEN + 4];
	long long prefix;
	char *slash = strlen(item) < sizeof text ? strchr(strcpy(text, item), '/') : NULL;
	struct subnet *subnet = &subnets[subnet_count];
	if (slash)
		*slash = 0;
	if (!slash || !ip_parse(text, &subnet->base) || !parse_number(slash + 1, 0, subnet->base.length * 8, &prefix)) {
		errno = EINVAL;
		return -1;
	}
	subnet->prefix = (unsigned)prefix;
	subnet_count++;
	return 0;
}

int table_subnets(const char *list)
{
	struct subnet *room = calloc(list_count(list) + 1, sizeof *room);
	if (!room)
		return -1;
	free(subnets);
	subnets = room;
	subnet_count = 0;
	return list_every(list, add_subnet, NULL);
}

static bool is_in(const struct ip *ip, const struct subnet *subnet)
{
	if (ip->length != subnet->base.length)
		return false;
	const unsigned whole = subnet->prefix / 8, rest = subnet->prefix % 8;
	const unsigned char mask = (unsigned char)(0xff00u >> rest);
	return memcmp(ip->bytes, subnet->base.bytes, whole) == 0 &&
		(rest == 0 || (ip->bytes[whole] & mask) == (subnet->base.bytes[whole] & mask));
}

bool in_subnets(const struct ip *ip)
{
	for (unsigned i = 0; i < subnet_count; i++)
		if (is_in(ip, &subnets[i]))
			return true;
	return false;
}

bool ip_of(const union address *address, struct ip *out)
{
	*out = (struct ip){.length = address->any.sa_family == AF_INET ? 4 : 16};
	if (out->length == 4)
		memcpy(out->bytes, &address->in.sin_addr, 4);
	else
		memcpy(out->bytes, &address->in6.sin6_addr, 16);
	return address->any.sa_family == AF_INET || address->any.sa_family == AF_INET6;
}
