/*
 * A ring of buffers between two threads of gantry-unpack. A slot belongs to the thread that is to work on it next; `filled` counts
 * the slots handed over and not yet given back.
 */
#include "unpack.h"

#include <errno.h>
#include <pthread.h>
#include <stdlib.h>
#include <string.h>

#define SLOTS_MAX 8

struct ring {
	pthread_mutex_t lock;
	pthread_cond_t changed;
	unsigned slots;
	unsigned char *slot[SLOTS_MAX];
	size_t used[SLOTS_MAX];
	unsigned head, filled; /* head: next slot to take */
	bool holding;	       /* the taker still looks at the slot at head */
	bool ended;
	/* Of the putting thread alone: the slot being filled, or -1. */
	int filling;
	size_t fill;
};

struct ring *ring_new(unsigned slots)
{
	struct ring *r = calloc(1, sizeof *r);
	if (!r || slots > SLOTS_MAX)
		fail(KIND_IO, "memory", ENOMEM, "cannot begin");
	r->slots = slots;
	r->filling = -1;
	pthread_mutex_init(&r->lock, NULL);
	pthread_cond_init(&r->changed, NULL);
	for (unsigned i = 0; i < slots; i++)
		if (!(r->slot[i] = malloc(RING_SLOT_BYTES)))
			fail(KIND_IO, "memory", ENOMEM, "cannot begin");
	return r;
}

void ring_free(struct ring *r)
{
	for (unsigned i = 0; i < r->slots; i++)
		free(r->slot[i]);
	pthread_cond_destroy(&r->changed);
	pthread_mutex_destroy(&r->lock);
	free(r);
}

/* Waits for a free slot. */
static int free_slot(struct ring *r)
{
	pthread_mutex_lock(&r->lock);
	while (r->filled >= r->slots)
		pthread_cond_wait(&r->changed, &r->lock);
	int slot = (int)((r->head + r->filled) % r->slots);
	pthread_mutex_unlock(&r->lock);
	return slot;
}

static void hand_over(struct ring *r)
{
	pthread_mutex_lock(&r->lock);
	r->used[r->filling] = r->fill;
	r->filled++;
	pthread_cond_signal(&r->changed);
	pthread_mutex_unlock(&r->lock);
	r->filling = -1;
}

void ring_put(struct ring *r, const void *data, size_t size)
{
	for (const unsigned char *p = data; size > 0;) {
		if (r->filling < 0) {
			r->filling = free_slot(r);
			r->fill = 0;
		}
		size_t n = size < RING_SLOT_BYTES - r->fill ? size : RING_SLOT_BYTES - r->fill;
		memcpy(r->slot[r->filling] + r->fill, p, n);
		p += n, size -= n, r->fill += n;
		if (r->fill == RING_SLOT_BYTES)
			hand_over(r);
	}
}

void ring_end(struct ring *r)
{
	if (r->filling >= 0)
		hand_over(r);
	pthread_mutex_lock(&r->lock);
	r->ended = true;
	pthread_cond_signal(&r->changed);
	pthread_mutex_unlock(&r->lock);
}

size_t ring_take(struct ring *r, const void **data)
{
	pthread_mutex_lock(&r->lock);
	if (r->holding) {
		r->head = (r->head + 1) % r->slots;
		r->filled--;
		r->holding = false;
		pthread_cond_signal(&r->changed);
	}
	while (r->filled == 0 && !r->ended)
		pthread_cond_wait(&r->changed, &r->lock);
	size_t used = 0;
	if (r->filled > 0) {
		used = r->used[r->head];
		*data = r->slot[r->head];
		r->holding = true;
	}
	pthread_mutex_unlock(&r->lock);
	return used;
}
