/* host_info: what the machine and the user's account say about themselves. May block (start-up only). Thread: any.
 * Memory: each result is malloc'ed, the caller's. */
#ifndef BASE_HOST_INFO_H
#define BASE_HOST_INFO_H

/* The address others reach this host by: the first IPv4 address that is neither loopback nor 192.168 (those come next), then IPv6,
 * then 127.0.0.1. Apache NetworkUtil.getLocalAddress has the same preference. */
char *host_info_local_address(void);

/* The host name, or `otherwise` when there is none. */
char *host_info_name(const char *otherwise);

/* $HOME, else the account's folder, else ".". */
char *host_info_home(void);

/* A variable of the environment, "" when it is not there. */
char *host_info_environment(const char *name);

/* Processors that this process may use, 1 or more; what Java's availableProcessors says, but for the quota of a container. */
int host_info_processors(void);

#endif
