/* Who is called what on which network. Names and addresses are hashed; everything else is short lists. */
#include "dns.h"

#include <arpa/inet.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "core.h"

enum { FIRST_BUCKETS = 64 };

/* A container's place on one network. */
struct place {
	struct place *next; /* of the same client */
	struct client *client;
	char network[KEY_BYTES];
	char *pointer; /* what its addresses are called */
	struct ip *addresses;
	unsigned address_count;
	struct entry *names;
	unsigned name_count;
	struct entry *reverses;
	bool stale;
};

/* A name, or the bytes of an address, that lead to a place. */
struct entry {
	struct entry *next;
	uint32_t hash;
	struct place *place;
	size_t length;
	const void *key; /* a name is owned by the entry, an address by the place */
};

struct table {
	struct entry **buckets;
	size_t size, used;
};

struct client *clients;
static struct table names, addresses;

static uint32_t hash_of(const void *key, size_t length)
{
	uint32_t hash = 2166136261u;
	for (size_t i = 0; i < length; i++)
		hash = (hash ^ ((const unsigned char *)key)[i]) * 16777619u;
	return hash;
}

static int grow(struct table *table)
{
	const size_t size = table->size ? table->size * 2 : FIRST_BUCKETS;
	struct entry **buckets = calloc(size, sizeof *buckets);
	if (!buckets)
		return -1;
	for (size_t i = 0; i < table->size; i++)
		for (struct entry *each = table->buckets[i], *next; each; each = next) {
			next = each->next;
			each->next = buckets[each->hash % size];
			buckets[each->hash % size] = each;
		}
	free(table->buckets);
	table->buckets = buckets;
	table->size = size;
	return 0;
}

static int insert(struct table *table, struct entry *entry)
{
	if (table->used >= table->size && grow(table) < 0)
		return -1;
	entry->hash = hash_of(entry->key, entry->length);
	struct entry **bucket = &table->buckets[entry->hash % table->size];
	entry->next = *bucket;
	*bucket = entry;
	table->used++;
	return 0;
}

static void take_out(struct table *table, const struct entry *entry)
{
	if (!table->size)
		return;
	for (struct entry **link = &table->buckets[entry->hash % table->size]; *link; link = &(*link)->next)
		if (*link == entry) {
			*link = entry->next;
			table->used--;
			return;
		}
}

/* The next entry with this key, from the bucket's beginning when `from` is NULL. */
static const struct entry *find(const struct table *table, const void *key, size_t length, const struct entry *from)
{
	if (!table->size)
		return NULL;
	const uint32_t hash = hash_of(key, length);
	for (const struct entry *each = from ? from->next : table->buckets[hash % table->size]; each; each = each->next)
		if (each->hash == hash && each->length == length && memcmp(each->key, key, length) == 0)
			return each;
	return NULL;
}

struct client *client_find(const char *id)
{
	for (struct client *each = clients; each; each = each->next)
		if (strcmp(each->id, id) == 0)
			return each;
	errno = ENOENT;
	return NULL;
}

struct client *client_add(const char *id)
{
	struct client *client = client_find(id);
	if (client)
		return client;
	if (strlen(id) >= KEY_BYTES) {
		errno = ENAMETOOLONG;
		return NULL;
	}
	client = calloc(1, sizeof *client);
	if (!client)
		return NULL;
	strcpy(client->id, id);
	client->next = clients;
	return clients = client;
}

static void place_free(struct place *place)
{
	for (unsigned i = 0; i < place->name_count; i++) {
		take_out(&names, &place->names[i]);
		free((void *)place->names[i].key);
	}
	for (unsigned i = 0; i < place->address_count; i++)
		take_out(&addresses, &place->reverses[i]);
	free(place->names);
	free(place->reverses);
	free(place->addresses);
	free(place->pointer);
	free(place);
}

void client_drop(struct client *client)
{
	for (struct place *each = client->places, *next; each; each = next) {
		next = each->next;
		place_free(each);
	}
	for (struct client **link = &clients; *link; link = &(*link)->next)
		if (*link == client) {
			*link = client->next;
			break;
		}
	free(client->links);
	discard(client);
}

bool place_drop(struct client *client, const char *network)
{
	for (struct place **link = &client->places; *link; link = &(*link)->next)
		if (strcmp((*link)->network, network) == 0) {
			struct place *gone = *link;
			*link = gone->next;
			place_free(gone);
			return true;
		}
	return false;
}

static int add_address(const char *item, void *context)
{
	struct place *place = context;
	struct ip *ip = &place->addresses[place->address_count];
	if (!ip_parse(item, ip)) {
		errno = EINVAL;
		return -1;
	}
	struct entry *entry = &place->reverses[place->address_count];
	*entry = (struct entry){.place = place, .key = ip->bytes, .length = ip->length};
	if (insert(&addresses, entry) < 0)
		return -1;
	place->address_count++;
	return 0;
}

static int add_name(const char *item, void *context)
{
	struct place *place = context;
	struct entry *entry = &place->names[place->name_count];
	*entry = (struct entry){.place = place, .key = strdup(item), .length = strlen(item)};
	if (!entry->key || insert(&names, entry) < 0) {
		free((void *)entry->key);
		return -1;
	}
	place->name_count++;
	return 0;
}

static int fill(struct place *place, const char *pointer, const char *address_list, const char *name_list)
{
	place->pointer = strdup(pointer);
	place->addresses = calloc(list_count(address_list) + 1, sizeof *place->addresses);
	place->reverses = calloc(list_count(address_list) + 1, sizeof *place->reverses);
	place->names = calloc(list_count(name_list) + 1, sizeof *place->names);
	if (!place->pointer || !place->addresses || !place->reverses || !place->names)
		return -1;
	return list_every(address_list, add_address, place) < 0 ? -1 : list_every(name_list, add_name, place);
}

int place_put(struct client *client, const char *network, const char *pointer, const char *address_list, const char *name_list)
{
	if (strlen(network) >= KEY_BYTES || strlen(pointer) > NAME_MAX_BYTES - 2) {
		errno = ENAMETOOLONG;
		return -1;
	}
	struct place *place = calloc(1, sizeof *place);
	if (!place)
		return -1;
	strcpy(place->network, network);
	place->client = client;
	if (fill(place, pointer, address_list, name_list) < 0) {
		const int number = errno;
		place_free(place);
		errno = number;
		return -1;
	}
	(void)place_drop(client, network);
	place->next = client->places;
	client->places = place;
	return 0;
}

void table_begin(void)
{
	for (struct client *each = clients; each; each = each->next) {
		each->stale = true;
		for (struct place *place = each->places; place; place = place->next)
			place->stale = true;
	}
	doors_begin();
}

static void drop_stale_places(struct client *client)
{
	for (struct place **link = &client->places, *gone; (gone = *link);)
		if (gone->stale) {
			*link = gone->next;
			place_free(gone);
		} else {
			link = &gone->next;
		}
}

void table_commit(void)
{
	for (struct client *each = clients, *next; each; each = next) {
		next = each->next;
		drop_stale_places(each);
		if (!each->stale)
			continue;
		doors_forget(each);
		forward_forget(each, NULL, NULL);
		client_drop(each);
	}
	doors_commit();
}

static const struct place *place_on(const struct client *client, const char *network)
{
	for (const struct place *each = client->places; each; each = each->next)
		if (strcmp(each->network, network) == 0)
			return each;
	return NULL;
}

/* What the client calls `name` on this network by a name of its own; NULL when it has none. */
static const char *linked(const struct client *client, const char *network, const char *name, char out[NAME_MAX_BYTES + 1])
{
	const size_t network_length = strlen(network), name_length = strlen(name);
	for (const char *at = client->links; at && *at; at = strchr(at, ',') ? strchr(at, ',') + 1 : NULL) {
		const size_t length = strcspn(at, ",");
		const size_t head = network_length + 1 + name_length + 1;
		if (length <= head || length - head > NAME_MAX_BYTES || strncmp(at, network, network_length) != 0 || at[network_length] != '/' ||
			strncmp(at + network_length + 1, name, name_length) != 0 || at[head - 1] != '/')
			continue;
		memcpy(out, at + head, length - head);
		out[length - head] = 0;
		return out;
	}
	return NULL;
}

static int collect(const struct place *place, struct ip *out, int count, int limit)
{
	for (unsigned i = 0; i < place->address_count && count < limit; i++)
		out[count++] = place->addresses[i];
	return count;
}

int lookup(const struct client *client, const char *name, struct ip *out, int limit)
{
	int found = -1;
	for (const struct place *own = client->places; own; own = own->next) {
		char other[NAME_MAX_BYTES + 1];
		const char *link = linked(client, own->network, name, other);
		const char *wanted = link ? link : name;
		const size_t length = strlen(wanted);
		for (const struct entry *each = find(&names, wanted, length, NULL); each; each = find(&names, wanted, length, each))
			if (strcmp(each->place->network, own->network) == 0)
				found = collect(each->place, out, found < 0 ? 0 : found, limit);
	}
	return found;
}

const char *reverse(const struct client *client, const struct ip *ip)
{
	for (const struct entry *each = find(&addresses, ip->bytes, ip->length, NULL); each; each = find(&addresses, ip->bytes, ip->length, each))
		if (place_on(client, each->place->network))
			return each->place->pointer;
	return NULL;
}

struct client *client_of(const struct ip *ip)
{
	const struct entry *entry = find(&addresses, ip->bytes, ip->length, NULL);
	return entry ? entry->place->client : NULL;
}
