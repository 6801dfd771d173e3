/* number: decimal text of integers, straight into a buffer: headers are full of them, and printf costs more than all the rest.
 * Thread: any. */
#ifndef REMOTING_NUMBER_H
#define REMOTING_NUMBER_H

#include <stddef.h>
#include <stdint.h>

#define NUMBER_TEXT_MAX 20 /* "-9223372036854775808"; no NUL is written */

/* Write v in decimal at out (room for NUMBER_TEXT_MAX). Returns the bytes written. */
size_t number_put_i64(char *out, int64_t v);

#endif
