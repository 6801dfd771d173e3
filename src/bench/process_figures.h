/* process_figures: CPU time and memory of another process. Thread: any. */
#ifndef BENCH_PROCESS_FIGURES_H
#define BENCH_PROCESS_FIGURES_H

struct process_figures {
	double cpu_seconds; /* user and system, all threads, those that have ended too */
	double rss_mib, anonymous_mib;
};

/* Zeros when pid is 0 or there is no such process. */
void process_figures_read(int pid, struct process_figures *f);

#endif
