/* power: what a power loss may undo. Everything that was changed since it was last synced is remembered, with what stood there before.
 *
 *   data      sectors of POWER_SECTOR bytes; an fdatasync that has returned makes those durable that were written before it began
 *   sizes     of files; fdatasync, too
 *   names     create, rename, link, unlink, mkdir; an fsync of their folder makes them durable
 *
 *   power_cut(): of the data each sector is kept or lost by itself, or all are lost; of sizes and names the newest are lost, from a random
 *   one on. What was replaced or removed is brought back from hard links in the folder STORE.stash.
 *
 * Thread: any, under the shim's lock, unless said otherwise. */
#ifndef TESTS_CRASH_POWER_H
#define TESTS_CRASH_POWER_H

#include <stdbool.h>
#include <stdint.h>
#include <sys/types.h>

#define POWER_SECTOR 512

void power_init(uint64_t seed, const char *stash);
bool power_is_on(void);

/* Before a change of [at, at + bytes) of an open file; before its size changes. */
void power_before_data(int fd, const char *path, int64_t at, int64_t bytes);
void power_before_size(int fd, const char *path, int64_t bytes);

/* Names: call before the change; on failure of the call power_forget_name() takes the record back. */
void power_before_create(const char *path);
void power_before_mkdir(const char *path);
void power_before_rename(const char *from, const char *to);
void power_before_link(const char *to);
void power_before_unlink(const char *path);
void power_forget_name(void);

/* A sync in two steps, since others write while it runs: the mark of its begin, and what it covered. fd -1: everything. */
uint64_t power_sync_begin(void);
void power_sync_end(int fd, uint64_t mark);
void power_folder_synced(const char *folder, uint64_t mark);

/* Undo. Returns the lowest offset of the commit log that was lost, INT64_MAX when nothing was. */
int64_t power_cut(void);

#endif
