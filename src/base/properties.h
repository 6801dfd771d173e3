/* properties: Java's .properties text, as java.util.Properties.load reads it.
 *
 *   # comment        ! comment        key=value      key : value      key value      key
 *   a backslash at the end of a line continues it; \t \n \r \f \uXXXX and \<any> are resolved, in keys and in values
 *
 * Bytes are UTF-8 and pass through as they are (Java reads ISO-8859-1; every ASCII file means the same in both).
 * Thread: any. Memory: nothing is kept; slices given to the visitor live during its call. */
#ifndef BASE_PROPERTIES_H
#define BASE_PROPERTIES_H

#include "base/rc.h"
#include "base/slice.h"

#define PROPERTIES_MAX_BYTES 1048576 /* longest text that is read */

/* One pair. `line`, counted from 1, is where it begins. Pairs come in file order; a repeated key comes again (the last one wins
 * in Java). Blanks at the end of a value are part of it, as in Java. Return RC_OK to go on; anything else ends the parse. */
typedef enum rc properties_visit_fn(void *ctx, unsigned line, struct slice key, struct slice value);

/* Read `text`. *bad_line, out, on RC_MALFORMED only: the line of a damaged \u escape or of a NUL byte.
 * Returns RC_OK; RC_TOO_BIG over PROPERTIES_MAX_BYTES (nothing visited); RC_MALFORMED; or what the visitor returned. */
enum rc properties_parse(struct slice text, properties_visit_fn *visit, void *ctx, unsigned *bad_line);

#endif
