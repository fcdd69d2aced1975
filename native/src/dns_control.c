/*
 * What the agent says on its socket (keeper.h). Lists are comma-separated, `-` is none.
 *
 *   ID place CONTAINER NETWORK POINTER ADDRESSES NAMES   puts a container on a network; POINTER is what its addresses are called
 *   ID leave CONTAINER NETWORK                           takes it from there
 *   ID client CONTAINER SERVERS|host LINKS KEY|-         whose servers answer other questions, its own names (NETWORK/alias/target),
 *                                                        and the sockets (KEY) that it asks at
 *   ID forget CONTAINER                                  with its places and sockets
 *   ID gateway KEY                                       sockets at which anybody asks who is known by the address
 *   ID shut KEY                                          closes sockets
 *   ID host SERVERS                                      the host's servers, ADDRESS or ADDRESS#PORT
 *   ID subnets ADDRESS/PREFIX,…                          of all networks: no other server is asked about these addresses
 *   ID begin, ID commit                                  what is not named in between goes
 *   ID list                                              ID item KEY (all sockets that are there)
 *   ID end                                               the process ends
 */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "core.h"
#include "dns.h"

static int done(char **field, int result)
{
	if (result == 0)
		say("%s ok\n", field[0]);
	return result;
}

static int run_place(char **field)
{
	struct client *client = client_add(field[2]);
	if (!client)
		return -1;
	client->stale = false;
	return done(field, place_put(client, field[3], field[4], field[5], field[6]));
}

static int run_leave(char **field)
{
	struct client *client = client_find(field[2]);
	return client && place_drop(client, field[3]) ? done(field, 0) : (errno = ENOENT, -1);
}

static int run_client(char **field)
{
	struct client *client = client_add(field[2]);
	if (!client)
		return -1;
	client->stale = false;
	client->hosts_servers = strcmp(field[3], "host") == 0;
	client->server_count = 0;
	if (!client->hosts_servers && parse_servers(field[3], client->servers, &client->server_count) < 0)
		return -1;
	free(client->links);
	client->links = strcmp(field[4], "-") == 0 ? NULL : strdup(field[4]);
	return done(field, strcmp(field[5], "-") == 0 ? 0 : door_assign(field[5], client));
}

static int run_forget(char **field)
{
	struct client *client = client_find(field[2]);
	if (!client)
		return -1;
	doors_forget(client);
	forward_forget(client, NULL, NULL);
	client_drop(client);
	return done(field, 0);
}

static int run_gateway(char **field)
{
	return done(field, door_assign(field[2], NULL));
}

static int run_shut(char **field)
{
	return door_close(field[2]) ? done(field, 0) : -1;
}

static int run_host(char **field)
{
	return done(field, table_host_servers(field[2]));
}

static int run_subnets(char **field)
{
	return done(field, table_subnets(field[2]));
}

static int run_begin(char **field)
{
	table_begin();
	return done(field, 0);
}

static int run_commit(char **field)
{
	table_commit();
	return done(field, 0);
}

static int run_list(char **field)
{
	doors_list(field[0]);
	return done(field, 0);
}

static int run_end(char **field)
{
	say("%s ok\n", field[0]);
	keeper_hang_up();
	exit(0);
}

static const struct verb verbs[] = {
	{"place", 7, run_place}, {"leave", 4, run_leave}, {"client", 6, run_client}, {"forget", 3, run_forget}, {"gateway", 3, run_gateway},
	{"shut", 3, run_shut}, {"host", 3, run_host}, {"subnets", 3, run_subnets}, {"begin", 2, run_begin}, {"commit", 2, run_commit},
	{"list", 2, run_list}, {"end", 2, run_end},
};

int control_open(int listening)
{
	return keeper_open(listening, "gantry-dns 1", verbs, ARRAY_SIZE(verbs));
}
