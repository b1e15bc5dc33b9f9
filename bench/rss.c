/* rss FILE PROGRAM [ARGUMENT...]: runs a program and writes its largest resident set, in KiB, and its
 * user and system time, in microseconds, to the file.
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

	long long cpu = (usage.ru_utime.tv_sec + usage.ru_stime.tv_sec) * 1000000LL + usage.ru_utime.tv_usec +
			usage.ru_stime.tv_usec;

	if (!file || fprintf(file, "%ld %lld\n", usage.ru_maxrss, cpu) < 0 || fclose(file))
		err(1, "%s", argv[1]);
	return WIFEXITED(status) ? WEXITSTATUS(status) : 1;
}
