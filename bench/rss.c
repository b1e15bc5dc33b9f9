/* rss FILE PROGRAM [ARGUMENT...]: runs a program and writes its largest resident set, in KiB, to the file.
 *
 * A program apart, because a child's figure begins with that of who forked it (exec_mmap(), setmax_mm_hiwater_rss()):
 * this one is small. */
#include <err.h>
#include <stdio.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <unistd.h>

int main(int argc, char **argv)
{
	struct rusage usage;
	int status;

	if (argc < 3)
		errx(2, "usage: rss FILE PROGRAM [ARGUMENT...]");

	pid_t child = fork();

	if (child == 0) {
		execvp(argv[2], argv + 2);
		err(127, "%s", argv[2]);
	}
	if (child < 0 || wait4(child, &status, 0, &usage) != child)
		err(1, "fork");

	FILE *file = fopen(argv[1], "w");

	if (!file || fprintf(file, "%ld\n", usage.ru_maxrss) < 0 || fclose(file))
		err(1, "%s", argv[1]);
	return WIFEXITED(status) ? WEXITSTATUS(status) : 1;
}
