#include "base/arena.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>

#include "base/mem.h"

struct arena_block {
	struct arena_block *next;
	_Alignas(16) char data[];
};

struct arena_undo {
	struct arena_undo *next;
	void (*undo)(void *arg);
	void *arg;
};

void arena_init(struct arena *a)
{
	a->at = a->first;
	a->end = a->first + sizeof(a->first);
	a->blocks = NULL;
	a->undos = NULL;
}

static void *take(struct arena *a, size_t size)
{
	void *p = a->at;

	a->at += size;
	return p;
}

/* A large piece gets a block of its own, so that the rest of the current block stays in use. */
static void *take_new_block(struct arena *a, size_t size)
{
	size_t room = size > ARENA_BLOCK / 4 ? size : ARENA_BLOCK;
	struct arena_block *block = mem_try_alloc(sizeof(*block) + room);

	if (block == NULL)
		return NULL;
	block->next = a->blocks;
	a->blocks = block;
	if (room == size)
		return block->data;
	a->at = block->data;
	a->end = block->data + room;
	return take(a, size);
}

void *arena_try_alloc(struct arena *a, size_t size)
{
	if (size > SIZE_MAX - ARENA_BLOCK)
		return NULL;
	size = (size + 15) & ~(size_t)15;
	if (size <= (size_t)(a->end - a->at))
		return take(a, size);
	return take_new_block(a, size);
}

void *arena_alloc(struct arena *a, size_t size)
{
	void *p = arena_try_alloc(a, size);

	if (p == NULL)
		fatal(__FILE__, __LINE__, "out of memory for %zu bytes", size);
	return memset(p, 0, size);
}

char *arena_printf(struct arena *a, const char *fmt, ...)
{
	va_list args;
	char small[256];
	char *text;
	int n;

	va_start(args, fmt);
	n = vsnprintf(small, sizeof(small), fmt, args);
	va_end(args);
	if (n < 0)
		fatal(__FILE__, __LINE__, "cannot format '%s'", fmt);
	text = arena_alloc(a, (size_t)n + 1);
	if ((size_t)n < sizeof(small))
		return memcpy(text, small, (size_t)n + 1);
	va_start(args, fmt);
	vsnprintf(text, (size_t)n + 1, fmt, args);
	va_end(args);
	return text;
}

struct slice arena_dup(struct arena *a, struct slice s)
{
	char *copy = arena_alloc(a, s.len + 1);

	if (s.len)
		memcpy(copy, s.at, s.len);
	return (struct slice){copy, s.len};
}

void arena_on_reset(struct arena *a, void (*undo)(void *arg), void *arg)
{
	struct arena_undo *u = arena_alloc(a, sizeof(*u));

	*u = (struct arena_undo){.next = a->undos, .undo = undo, .arg = arg};
	a->undos = u;
}

void arena_reset(struct arena *a)
{
	for (struct arena_undo *u = a->undos; u != NULL; u = u->next)
		u->undo(u->arg);
	while (a->blocks != NULL) {
		struct arena_block *block = a->blocks;

		a->blocks = block->next;
		free(block);
	}
	arena_init(a);
}
