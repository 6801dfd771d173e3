/* list: intrusive, doubly linked, circular. A node that is in no list points at itself, so list_remove is always safe.
 * Thread: the owner's. Memory: none. */
#ifndef BASE_LIST_H
#define BASE_LIST_H

#include <stdbool.h>
#include <stddef.h>

#include "base/defs.h"

struct list {
	struct list *next, *prev;
};

#define LIST_INIT(name)                                                                                                          \
	{                                                                                                                        \
		&(name), &(name)                                                                                                 \
	}

static inline void list_init(struct list *l) { l->next = l->prev = l; }
static inline bool list_is_empty(const struct list *l) { return l->next == l; }

static inline void list_insert_before(struct list *at, struct list *node)
{
	node->prev = at->prev;
	node->next = at;
	at->prev->next = node;
	at->prev = node;
}

static inline void list_append(struct list *l, struct list *node) { list_insert_before(l, node); }
static inline void list_prepend(struct list *l, struct list *node) { list_insert_before(l->next, node); }

static inline void list_remove(struct list *node)
{
	node->prev->next = node->next;
	node->next->prev = node->prev;
	list_init(node);
}

static inline struct list *list_pop(struct list *l)
{
	struct list *node = l->next;

	if (node == l)
		return NULL;
	list_remove(node);
	return node;
}

/* Move all nodes of `from` to the end of `to`; `from` is empty afterwards. */
static inline void list_splice(struct list *to, struct list *from)
{
	if (list_is_empty(from))
		return;
	from->next->prev = to->prev;
	to->prev->next = from->next;
	from->prev->next = to;
	to->prev = from->prev;
	list_init(from);
}

#define LIST_FOR_EACH(it, l) for (struct list *it = (l)->next; it != (l); it = it->next)
/* `it` may be removed in the body. */
#define LIST_FOR_EACH_SAFE(it, l)                                                                                                \
	for (struct list *it = (l)->next, *it##_next = it->next; it != (l); it = it##_next, it##_next = it->next)

#endif
