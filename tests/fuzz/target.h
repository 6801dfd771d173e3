/* target: what a fuzz target defines. Linked with replay.c it runs its corpus, tests/fuzz/corpus/NAME for a program fuzz_NAME. */
#ifndef TESTS_FUZZ_TARGET_H
#define TESTS_FUZZ_TARGET_H

#include <stddef.h>
#include <stdint.h>

/* One input. Returns 0; aborts when the code under test is wrong. */
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

#endif
