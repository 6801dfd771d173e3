#include "base/buf.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>

#include "base/mem.h"

#define BUF_FIRST 256

void buf_free(struct buf *b)
{
	free(b->data);
	*b = (struct buf){0};
}

bool buf_try_reserve(struct buf *b, size_t more)
{
	size_t want, cap = b->cap ? b->cap : BUF_FIRST;
	uint8_t *data;

	if (more <= b->cap - b->len)
		return true;
	if (__builtin_add_overflow(b->len, more, &want) || want > SIZE_MAX / 2)
		return false;
	while (cap < want)
		cap *= 2;
	data = mem_try_realloc(b->data, cap);
	if (data == NULL)
		return false;
	b->data = data;
	b->cap = cap;
	return true;
}

void buf_reserve(struct buf *b, size_t more)
{
	if (!buf_try_reserve(b, more))
		fatal(__FILE__, __LINE__, "out of memory for %zu more bytes", more);
}

uint8_t *buf_grow(struct buf *b, size_t n)
{
	if (n > b->cap - b->len)
		buf_reserve(b, n);
	b->len += n;
	return b->data + b->len - n;
}

void buf_put(struct buf *b, const void *bytes, size_t n)
{
	if (n)
		memcpy(buf_grow(b, n), bytes, n);
}

void buf_put_slice(struct buf *b, struct slice s) { buf_put(b, s.at, s.len); }

void buf_put_text(struct buf *b, const char *text) { buf_put(b, text, strlen(text)); }

void buf_printf(struct buf *b, const char *fmt, ...)
{
	va_list args;
	int n;

	buf_reserve(b, 64);
	va_start(args, fmt);
	n = vsnprintf((char *)b->data + b->len, b->cap - b->len, fmt, args);
	va_end(args);
	if (n < 0)
		fatal(__FILE__, __LINE__, "cannot format '%s'", fmt);
	if ((size_t)n >= b->cap - b->len) {
		buf_reserve(b, (size_t)n + 1);
		va_start(args, fmt);
		vsnprintf((char *)b->data + b->len, b->cap - b->len, fmt, args);
		va_end(args);
	}
	b->len += (size_t)n;
}
