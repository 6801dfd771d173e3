/* get: what the reading side shows to the other modules of the store. The callers' page is store.h.
 *
 * Thread: core. */
#ifndef STORE_GET_H
#define STORE_GET_H

#include <stdbool.h>
#include <stdint.h>

struct store;
struct store_queue;
struct get_damage; /* messages that readers skip, by log offset */

#define GET_DAMAGE_MAX 4096  /* messages remembered; beyond it a damaged message is served as it stands */
#define GET_SCAN_ENTRIES 800 /* entries that one get looks at (Apache maxFilterMessageSize 16000 / 20), or max_count if larger */
#define GET_SKIP_ENTRIES 20  /* that filter_bits leaves out count as one */

/* The message at `at` cannot be read: readers skip it from now on. Counted and said once. */
void get_note_damage(struct store *s, int64_t at, const char *what);
bool get_is_damaged(const struct get_damage *d, int64_t at);
void get_damage_free(struct get_damage *d);

/* The queue goes: gets that wait on it end with GET_NO_MESSAGE_IN_QUEUE. */
void get_forget_queue(struct store *s, const struct store_queue *q);

#endif
