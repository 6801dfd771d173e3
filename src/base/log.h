/* log: levelled lines for operators.
 *
 *   2026-11-21 09:15:01,123 WARN  broker - topic 'T': ...
 *
 * No capital, no full stop, variable text in single quotes. The level is tested before anything is formatted.
 * Goes to stderr until log_open() names a file, which is rotated at LOG_FILE_BYTES, keeping LOG_FILES old ones.
 * Thread: any (one mutex around the write). What a peer can cause at will goes through log_limited(). */
#ifndef BASE_LOG_H
#define BASE_LOG_H

#include <stdbool.h>
#include <stdint.h>

#include "base/defs.h"
#include "base/rc.h"

#define LOG_FILE_BYTES (100 * 1024 * 1024)
#define LOG_FILES 10

enum log_level { LOG_DEBUG, LOG_INFO, LOG_WARN, LOG_ERROR };

extern enum log_level log_level; /* set once before threads start; lines below it are dropped */

/* Send further lines to `path` (its folder is created). Returns the reason when it cannot be opened; stderr stays in use then. */
enum rc log_open(const char *path);
void log_close(void);

void log_write(enum log_level level, const char *module, const char *fmt, ...) PRINTF(3, 4);

#define LOG_AT(level, module, ...)                                                                                               \
	do {                                                                                                                     \
		if ((level) >= log_level)                                                                                        \
			log_write((level), (module), __VA_ARGS__);                                                               \
	} while (0)
#define log_debug(module, ...) LOG_AT(LOG_DEBUG, module, __VA_ARGS__)
#define log_info(module, ...) LOG_AT(LOG_INFO, module, __VA_ARGS__)
#define log_warn(module, ...) LOG_AT(LOG_WARN, module, __VA_ARGS__)
#define log_error(module, ...) LOG_AT(LOG_ERROR, module, __VA_ARGS__)

/* One line a second for each place: `last_ms` is a static of the caller, `now_ms` any clock. True when the caller may log now;
 * *dropped then holds how many were held back since the last line; the caller clears it. */
bool log_limited(uint64_t now_ms, uint64_t *last_ms, uint64_t *dropped);

#endif
