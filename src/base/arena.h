/* arena: memory of one request, freed in one step.
 *
 *   first block (inside the owner, ARENA_FIRST bytes) -> further blocks, malloc'ed, freed by arena_reset
 *
 * Thread: the owner's. Memory: everything handed out lives until arena_reset(). */
#ifndef BASE_ARENA_H
#define BASE_ARENA_H

#include <stddef.h>
#include <stdint.h>

#include "base/defs.h"
#include "base/slice.h"

#define ARENA_FIRST 2048
#define ARENA_BLOCK 8192

struct arena_block;
struct arena_undo;

struct arena {
	char *at, *end;
	struct arena_block *blocks;
	struct arena_undo *undos;
	_Alignas(16) char first[ARENA_FIRST];
};

void arena_init(struct arena *a);
void *arena_alloc(struct arena *a, size_t size);              /* zeroed, 16-byte aligned, never NULL */
void *arena_try_alloc(struct arena *a, size_t size) MUST_USE; /* not zeroed; NULL when out of memory; for sizes a peer chose */
char *arena_printf(struct arena *a, const char *fmt, ...) PRINTF(2, 3);
struct slice arena_dup(struct arena *a, struct slice s);                  /* copy, NUL behind it */
void arena_on_reset(struct arena *a, void (*undo)(void *arg), void *arg); /* run by arena_reset, newest first */
void arena_reset(struct arena *a);                                        /* ready for the next request; idempotent */

#endif
