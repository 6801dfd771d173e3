/* mem: allocation whose size we choose; it cannot fail (it aborts with a message).
 * Where a peer or a file chooses the size, use mem_try_* and answer RC_BUSY / SYSTEM_BUSY on NULL.
 * Thread: any. Free with free(). */
#ifndef BASE_MEM_H
#define BASE_MEM_H

#include <stdbool.h>
#include <stddef.h>

#include "base/defs.h"

void *mem_alloc(size_t size);                           /* not zeroed */
void *mem_zalloc(size_t size);                          /* zeroed */
void *mem_aligned_zalloc(size_t align, size_t size);    /* zeroed; size is a multiple of align */
void *mem_realloc(void *old, size_t size);              /* keeps the contents */
void *mem_try_alloc(size_t size) MUST_USE;              /* NULL when there is no memory */
void *mem_try_realloc(void *old, size_t size) MUST_USE; /* NULL leaves `old` as it was */
char *mem_strdup(const char *text);
char *mem_printf(const char *fmt, ...) PRINTF(1, 2); /* malloc'ed text, owned by the caller */

/* Format into a fixed buffer. Returns false when the text did not fit (it is then cut and still terminated). */
bool mem_format(char *out, size_t size, const char *fmt, ...) PRINTF(3, 4);

#endif
