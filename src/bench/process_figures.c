/* CPU time from the process's own clock, to the nanosecond: /proc/PID/stat counts in hundredths of a second, too coarse for an idle peer. */
#include "bench/process_figures.h"

#include <stdio.h>
#include <time.h>

#include "base/mem.h"

static double read_cpu(int pid)
{
	struct timespec t;
	clockid_t clock;

	if (clock_getcpuclockid(pid, &clock) != 0 || clock_gettime(clock, &t) != 0)
		return 0;
	return (double)t.tv_sec + (double)t.tv_nsec / 1e9;
}

void process_figures_read(int pid, struct process_figures *out)
{
	char path[64], line[256];
	unsigned long kib;
	FILE *f;

	*out = (struct process_figures){0};
	if (pid <= 0)
		return;
	out->cpu_seconds = read_cpu(pid);
	mem_format(path, sizeof(path), "/proc/%d/status", pid);
	f = fopen(path, "re");
	if (f == NULL)
		return;
	while (fgets(line, sizeof(line), f) != NULL) {
		if (sscanf(line, "VmRSS: %lu", &kib) == 1)
			out->rss_mib = (double)kib / 1024;
		else if (sscanf(line, "RssAnon: %lu", &kib) == 1)
			out->anonymous_mib = (double)kib / 1024;
	}
	fclose(f);
}
