#include "bench/process_figures.h"

#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "base/mem.h"

static double read_cpu(int pid)
{
	char path[64], text[1024];
	unsigned long user, system;
	const char *after_name;
	double seconds = 0;
	FILE *f;

	mem_format(path, sizeof(path), "/proc/%d/stat", pid);
	f = fopen(path, "re");
	if (f == NULL)
		return 0;
	/* The name, in parentheses, may hold blanks: fields are counted behind it. */
	if (fgets(text, sizeof(text), f) != NULL && (after_name = strrchr(text, ')')) != NULL &&
	    sscanf(after_name + 1, " %*c %*d %*d %*d %*d %*d %*u %*u %*u %*u %*u %lu %lu", &user, &system) == 2)
		seconds = (double)(user + system) / (double)sysconf(_SC_CLK_TCK);
	fclose(f);
	return seconds;
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
