/* Makes so many cgroups in a folder, starts this program in each, where it makes one check of SETPCAP,
 * and removes them again when all are over. */
#define _GNU_SOURCE
#include <fcntl.h>
#include <linux/sched.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/prctl.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

int main(int count, char **words)
{
	char path[4096];

	if (count < 3) {
		prctl(PR_CAPBSET_DROP, 99);
		_exit(0);
	}
	long number = atol(words[2]);
	char *child[] = { words[0], 0 };

	for (long i = 0; i < number; i++) {
		snprintf(path, sizeof(path), "%s/%ld", words[1], i);
		if (mkdir(path, 0755))
			return 2;
		int folder = open(path, O_PATH | O_CLOEXEC);
		struct clone_args args = {
			.flags = CLONE_INTO_CGROUP,
			.exit_signal = SIGCHLD,
			.cgroup = folder,
		};
		long pid = syscall(SYS_clone3, &args, sizeof(args));

		if (!pid) {
			execve(words[0], child, child + 1);
			_exit(1);
		}
		if (pid < 0)
			return 3;
		close(folder);
		while (i % 8 == 7 && wait(0) > 0)
			;
	}
	while (wait(0) > 0)
		;
	for (long i = 0; i < number; i++) {
		snprintf(path, sizeof(path), "%s/%ld", words[1], i);
		if (rmdir(path))
			return 4;
	}
	return 0;
}
