/* replay: main() of a fuzz target in an ordinary build. Runs every file of the target's corpus, one TAP line each; with arguments, those
 * files instead. Each input is copied to memory of exactly its size, so that the sanitizers see a read behind it. */
#include <dirent.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "tests/fuzz/target.h"

static int run(const char *path)
{
	FILE *f = fopen(path, "rb");
	uint8_t *data;
	long size;

	if (f == NULL || fseek(f, 0, SEEK_END) != 0 || (size = ftell(f)) < 0) {
		perror(path);
		return EXIT_FAILURE;
	}
	rewind(f);
	data = malloc((size_t)size ? (size_t)size : 1);
	if (data == NULL || fread(data, 1, (size_t)size, f) != (size_t)size) {
		perror(path);
		return EXIT_FAILURE;
	}
	fclose(f);
	LLVMFuzzerTestOneInput(data, (size_t)size);
	free(data);
	return EXIT_SUCCESS;
}

static int is_input(const struct dirent *entry) { return entry->d_name[0] != '.'; }

/* The name behind the last "fuzz_" of the program. */
static const char *target_name(const char *program)
{
	const char *name = program, *next;

	while ((next = strstr(name, "fuzz_")) != NULL)
		name = next + strlen("fuzz_");
	return name;
}

static int run_corpus(const char *name)
{
	const char *top = getenv("top_srcdir");
	struct dirent **entries;
	char folder[1024], path[1536];
	int failed = 0, count;

	snprintf(folder, sizeof(folder), "%s/tests/fuzz/corpus/%s", top ? top : "..", name);
	count = scandir(folder, &entries, is_input, alphasort);
	if (count <= 0) {
		fprintf(stderr, "%s: no inputs\n", folder);
		return EXIT_FAILURE;
	}
	printf("1..%d\n", count);
	for (int i = 0; i < count; i++) {
		snprintf(path, sizeof(path), "%s/%s", folder, entries[i]->d_name);
		fflush(stdout); /* a crash in the middle shows which one */
		if (run(path) != EXIT_SUCCESS)
			failed++, printf("not ");
		printf("ok %d - %s/%s\n", i + 1, name, entries[i]->d_name);
		free(entries[i]);
	}
	free(entries);
	return failed ? EXIT_FAILURE : EXIT_SUCCESS;
}

int main(int argc, char **argv)
{
	int status = EXIT_SUCCESS;

	if (argc < 2)
		return run_corpus(target_name(argv[0]));
	for (int i = 1; i < argc; i++)
		if (run(argv[i]) != EXIT_SUCCESS)
			status = EXIT_FAILURE;
	return status;
}
