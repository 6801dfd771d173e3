/* mqshutdown: asks the broker or the name server of this user to stop (SIGTERM) and waits until it is gone.
 *
 *	mqshutdown broker | namesrv [PID]
 *
 * Processes are found by name in /proc; with PID only that one is meant, if it has the name. */
#include <ctype.h>
#include <dirent.h>
#include <errno.h>
#include <signal.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#define WAIT_MS 60000 /* a broker with a large store writes and syncs before it ends */
#define POLL_MS 20
#define FOUND_MAX 256

struct found {
	pid_t pids[FOUND_MAX];
	size_t count;
};

/* Is `pid` a process of this user (or of anybody, for root) that runs the program `name`? A zombie has ended. */
static bool is_ours(pid_t pid, const char *name)
{
	char path[64], line[512], *open_paren, *close_paren;
	struct stat st;
	FILE *f;
	bool is_read;

	snprintf(path, sizeof(path), "/proc/%ld/stat", (long)pid);
	f = fopen(path, "re");
	if (f == NULL)
		return false;
	is_read = fgets(line, sizeof(line), f) != NULL && fstat(fileno(f), &st) == 0;
	fclose(f);
	if (!is_read || (geteuid() != 0 && st.st_uid != geteuid()))
		return false;
	open_paren = strchr(line, '(');
	close_paren = strrchr(line, ')');
	if (open_paren == NULL || close_paren == NULL || close_paren[1] == '\0' || close_paren[2] == 'Z')
		return false;
	*close_paren = '\0';
	return strcmp(open_paren + 1, name) == 0;
}

static void find_all(const char *name, struct found *out)
{
	DIR *proc = opendir("/proc");
	struct dirent *entry;

	if (proc == NULL)
		return;
	while ((entry = readdir(proc)) != NULL && out->count < FOUND_MAX) {
		pid_t pid = (pid_t)strtol(entry->d_name, NULL, 10);

		if (isdigit((unsigned char)entry->d_name[0]) && is_ours(pid, name))
			out->pids[out->count++] = pid;
	}
	closedir(proc);
}

static bool wait_gone(pid_t pid, const char *name)
{
	const struct timespec pause = {.tv_nsec = POLL_MS * 1000000L};

	for (int waited = 0; waited < WAIT_MS; waited += POLL_MS) {
		if (!is_ours(pid, name))
			return true;
		nanosleep(&pause, NULL);
	}
	return false;
}

static int stop_one(pid_t pid, const char *name)
{
	printf("The %s(%ld) is running...\n", name, (long)pid);
	fflush(stdout);
	if (kill(pid, SIGTERM) != 0) {
		fprintf(stderr, "mqshutdown: cannot signal %s(%ld): %s\n", name, (long)pid, strerror(errno));
		return 1;
	}
	printf("Send shutdown request to %s(%ld) OK\n", name, (long)pid);
	fflush(stdout);
	if (wait_gone(pid, name))
		return 0;
	fprintf(stderr, "mqshutdown: %s(%ld) is still running after %d s; see its log\n", name, (long)pid, WAIT_MS / 1000);
	return 1;
}

static int usage(FILE *out, int status)
{
	fprintf(out, "Usage: mqshutdown broker | namesrv [PID]\n");
	return status;
}

int main(int argc, char **argv)
{
	struct found found = {.count = 0};
	const char *name;
	int status = 0;

	if (argc == 2 && (strcmp(argv[1], "-h") == 0 || strcmp(argv[1], "--help") == 0))
		return usage(stdout, 0);
	if (argc < 2 || argc > 3)
		return usage(stderr, 2);
	name = strcmp(argv[1], "broker") == 0 ? "mqbroker" : strcmp(argv[1], "namesrv") == 0 ? "mqnamesrv" : NULL;
	if (name == NULL)
		return usage(stderr, 2);
	if (argc == 3) {
		char *end;
		pid_t pid = (pid_t)strtol(argv[2], &end, 10);

		if (*end != '\0' || pid <= 0)
			return usage(stderr, 2);
		if (is_ours(pid, name))
			found.pids[found.count++] = pid;
	} else {
		find_all(name, &found);
	}
	if (found.count == 0) {
		printf("No %s running.\n", name);
		return 1;
	}
	for (size_t i = 0; i < found.count; i++)
		status |= stop_one(found.pids[i], name);
	return status;
}
