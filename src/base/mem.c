#include "base/mem.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

void fatal(const char *file, int line, const char *fmt, ...)
{
	va_list args;

	fprintf(stderr, "fusee: %s:%d: ", file, line);
	va_start(args, fmt);
	vfprintf(stderr, fmt, args);
	va_end(args);
	fputc('\n', stderr);
	abort();
}

static void *check(void *p, size_t size)
{
	if (p == NULL && size != 0)
		fatal(__FILE__, __LINE__, "out of memory for %zu bytes", size);
	return p;
}

void *mem_alloc(size_t size) { return check(malloc(size), size); }

void *mem_zalloc(size_t size) { return check(calloc(1, size), size); }

void *mem_aligned_zalloc(size_t align, size_t size) { return memset(check(aligned_alloc(align, size), size), 0, size); }

void *mem_realloc(void *old, size_t size) { return check(realloc(old, size), size); }

void *mem_try_alloc(size_t size) { return malloc(size); }

void *mem_try_realloc(void *old, size_t size) { return realloc(old, size); }

char *mem_strdup(const char *text) { return check(strdup(text), 1); }

char *mem_printf(const char *fmt, ...)
{
	va_list args;
	char *text = NULL;
	int n;

	va_start(args, fmt);
	n = vasprintf(&text, fmt, args);
	va_end(args);
	if (n < 0)
		fatal(__FILE__, __LINE__, "cannot format '%s'", fmt);
	return text;
}

bool mem_format(char *out, size_t size, const char *fmt, ...)
{
	va_list args;
	int n;

	va_start(args, fmt);
	n = vsnprintf(out, size, fmt, args);
	va_end(args);
	return n >= 0 && (size_t)n < size;
}
