/* header_check: what must hold for a command that was decoded, whoever sent it. Aborts when it does not. */
#ifndef TESTS_FUZZ_HEADER_CHECK_H
#define TESTS_FUZZ_HEADER_CHECK_H

#include "remoting/command.h"

/* Put the header into a frame, decode it, and give its ext fields to every schema: what comes out is encoded in both codecs and decoded
 * again, and must be the same. */
void check_header(enum codec codec, struct slice header);

#endif
