/* power: a shim under the store's system calls that remembers what a power loss could undo: every sector written since its file's last
 * fdatasync.
 *
 *	power_on(seed); ... the store works ...; rig_kill(r); power_cut();  each such sector is now old, new, or torn at POWER_SECTOR
 */
#ifndef TESTS_UNIT_STORE_POWER_H
#define TESTS_UNIT_STORE_POWER_H

#include <stdint.h>

#define POWER_SECTOR 512

void power_on(uint64_t seed);
void power_cut(void); /* and the system's calls again */
void power_off(void); /* nothing is undone */
uint64_t power_random(void);

#endif
