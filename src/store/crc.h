/* crc: CRC-32 of message bodies (the polynomial of zlib and java.util.zip.CRC32), with carry-less multiplication where the processor has it:
 * it is the largest single cost of an append otherwise.
 * Thread: any. */
#ifndef STORE_CRC_H
#define STORE_CRC_H

#include <stddef.h>
#include <stdint.h>

uint32_t crc_of(const void *bytes, size_t n);

#endif
