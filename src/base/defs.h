/* defs: attributes and assertions used everywhere.
 *
 * Assertions are for our own mistakes only; bytes of a peer or a file must never reach one. */
#ifndef BASE_DEFS_H
#define BASE_DEFS_H

#define MUST_USE __attribute__((warn_unused_result))
#define PRINTF(fmt, args) __attribute__((format(printf, fmt, args)))
#define NORETURN __attribute__((noreturn))
#define COUNT_OF(array) (sizeof(array) / sizeof((array)[0]))
#define CONTAINER_OF(ptr, type, member) ((type *)((char *)(ptr)-offsetof(type, member)))

/* Prints what failed and aborts. Thread: any. */
NORETURN void fatal(const char *file, int line, const char *fmt, ...) PRINTF(3, 4);

/* On in every build. */
#define ASSERT(cond)                                                                                                             \
	do {                                                                                                                     \
		if (__builtin_expect(!(cond), 0))                                                                                \
			fatal(__FILE__, __LINE__, "assertion failed: %s", #cond);                                                \
	} while (0)

#endif
