/* Happy path: format into a stack buffer, lock, write one line, rotate when the file has grown past LOG_FILE_BYTES.
 * Failure: a line that cannot be written is lost; a log must never stop a broker. */
#include "base/log.h"

#include <errno.h>
#include <pthread.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <time.h>

#include "base/mem.h"

enum log_level log_level = LOG_INFO;

static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;
static FILE *file;
static char *file_path;
static long file_bytes;

static const char *const level_names[] = {"DEBUG", "INFO ", "WARN ", "ERROR"};

static void make_parents(const char *path)
{
	char *copy = mem_strdup(path);

	for (char *p = copy + 1; *p; p++) {
		if (*p != '/')
			continue;
		*p = '\0';
		mkdir(copy, 0755);
		*p = '/';
	}
	free(copy);
}

enum rc log_open(const char *path)
{
	FILE *opened;

	make_parents(path);
	opened = fopen(path, "ae");
	if (opened == NULL)
		return rc_from_errno(errno);
	pthread_mutex_lock(&lock);
	if (file)
		fclose(file);
	free(file_path);
	file = opened;
	file_path = mem_strdup(path);
	file_bytes = ftell(file);
	pthread_mutex_unlock(&lock);
	return RC_OK;
}

void log_close(void)
{
	pthread_mutex_lock(&lock);
	if (file)
		fclose(file);
	free(file_path);
	file = NULL;
	file_path = NULL;
	pthread_mutex_unlock(&lock);
}

/* broker.log -> broker.log.1 -> ... -> broker.log.<LOG_FILES>, which is dropped. */
static void rotate(void)
{
	for (int i = LOG_FILES; i >= 1; i--) {
		char *from = i == 1 ? mem_strdup(file_path) : mem_printf("%s.%d", file_path, i - 1);
		char *to = mem_printf("%s.%d", file_path, i);

		rename(from, to);
		free(from);
		free(to);
	}
	fclose(file);
	file = fopen(file_path, "ae");
	file_bytes = 0;
}

void log_write(enum log_level level, const char *module, const char *fmt, ...)
{
	char line[2048];
	struct timespec now;
	struct tm tm;
	va_list args;
	size_t n, text;
	int more;

	clock_gettime(CLOCK_REALTIME, &now);
	localtime_r(&now.tv_sec, &tm);
	n = strftime(line, sizeof(line), "%Y-%m-%d %H:%M:%S", &tm);
	n += (size_t)snprintf(line + n, sizeof(line) - n, ",%03ld %s %s - ", now.tv_nsec / 1000000, level_names[level], module);
	text = n;
	va_start(args, fmt);
	more = vsnprintf(line + n, sizeof(line) - n - 1, fmt, args);
	va_end(args);
	if (more > 0)
		n += (size_t)more < sizeof(line) - n - 1 ? (size_t)more : sizeof(line) - n - 2;
	/* Names in it come from peers: none may begin a line of its own, or steer a terminal. */
	for (; text < n; text++)
		if ((unsigned char)line[text] < ' ' || line[text] == 0x7F)
			line[text] = '?';
	line[n++] = '\n';

	pthread_mutex_lock(&lock);
	fwrite(line, 1, n, file ? file : stderr);
	if (file) {
		fflush(file);
		file_bytes += (long)n;
		if (file_bytes > LOG_FILE_BYTES)
			rotate();
	}
	pthread_mutex_unlock(&lock);
}

bool log_limited(uint64_t now_ms, uint64_t *last_ms, uint64_t *dropped)
{
	if (*last_ms != 0 && now_ms - *last_ms < 1000) {
		(*dropped)++;
		return false;
	}
	*last_ms = now_ms;
	return true;
}
