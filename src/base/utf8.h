/* utf8: text from outside that may be no UTF-8. Each byte that is part of no character becomes U+FFFD where we pass the text on, as when Java
 * decodes it: strict readers refuse JSON that has such bytes. Thread: any. */
#ifndef BASE_UTF8_H
#define BASE_UTF8_H

#include <stdbool.h>
#include <stddef.h>

#include "base/slice.h"

#define UTF8_REPLACEMENT "\xEF\xBF\xBD" /* U+FFFD, 3 bytes */

/* Length of the sequence at `text` (1 to 4), `left` (>= 1) bytes of which are there; or 0 when it is none: over-long forms, surrogates and
 * values above U+10FFFF too. */
size_t utf8_sequence(const char *text, size_t left);

bool utf8_is_valid(struct slice s);

#endif
