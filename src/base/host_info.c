#include "base/host_info.h"

#include <arpa/inet.h>
#include <ifaddrs.h>
#include <limits.h>
#include <net/if.h>
#include <netdb.h>
#include <pwd.h>
#include <sched.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>
#include <sys/types.h>
#include <unistd.h>

#include "base/mem.h"

/* How much we would like to be known by this address; 0 = not at all. */
static int rank(const struct ifaddrs *it, const char *text)
{
	if (it->ifa_flags & IFF_LOOPBACK)
		return 0;
	if (it->ifa_addr->sa_family == AF_INET6)
		return strncmp(text, "fe80", 4) == 0 ? 0 : 1;
	if (strncmp(text, "127.", 4) == 0 || strncmp(text, "0.", 2) == 0)
		return 0;
	return strncmp(text, "192.168.", 8) == 0 ? 2 : 3;
}

static bool address_text(const struct ifaddrs *it, char *out, size_t size)
{
	const void *bytes;

	if (it->ifa_addr == NULL || !(it->ifa_flags & IFF_UP))
		return false;
	if (it->ifa_addr->sa_family == AF_INET)
		bytes = &((const struct sockaddr_in *)it->ifa_addr)->sin_addr;
	else if (it->ifa_addr->sa_family == AF_INET6)
		bytes = &((const struct sockaddr_in6 *)it->ifa_addr)->sin6_addr;
	else
		return false;
	return inet_ntop(it->ifa_addr->sa_family, bytes, out, (socklen_t)size) != NULL;
}

char *host_info_local_address(void)
{
	char text[INET6_ADDRSTRLEN], best[INET6_ADDRSTRLEN] = "127.0.0.1";
	struct ifaddrs *all;
	int best_rank = 0;

	if (getifaddrs(&all) != 0)
		return mem_strdup(best);
	for (const struct ifaddrs *it = all; it != NULL; it = it->ifa_next) {
		if (!address_text(it, text, sizeof(text)) || rank(it, text) <= best_rank)
			continue;
		best_rank = rank(it, text);
		memcpy(best, text, sizeof(text));
	}
	freeifaddrs(all);
	return mem_strdup(best);
}

char *host_info_name(const char *otherwise)
{
	char name[HOST_NAME_MAX + 1];

	if (gethostname(name, sizeof(name)) != 0)
		return mem_strdup(otherwise);
	name[HOST_NAME_MAX] = '\0';
	return mem_strdup(name[0] ? name : otherwise);
}

char *host_info_home(void)
{
	const char *home = getenv("HOME");
	const struct passwd *account;

	if (home != NULL && *home != '\0')
		return mem_strdup(home);
	account = getpwuid(getuid());
	return mem_strdup(account != NULL && account->pw_dir != NULL ? account->pw_dir : ".");
}

char *host_info_environment(const char *name)
{
	const char *value = getenv(name);

	return mem_strdup(value != NULL ? value : "");
}

int host_info_processors(void)
{
	cpu_set_t set;
	long online;

	if (sched_getaffinity(0, sizeof(set), &set) == 0 && CPU_COUNT(&set) > 0)
		return CPU_COUNT(&set);
	online = sysconf(_SC_NPROCESSORS_ONLN);
	return online > 0 ? (int)online : 1;
}
