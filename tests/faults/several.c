/* Five capabilities by several ways, in a child program, too. */
#define _GNU_SOURCE
#include <fcntl.h>
#include <grp.h>
#include <stdlib.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

int main(int count, char **words)
{
	if (count < 2) {
		prctl(PR_CAPBSET_DROP, 99);
		return 0;
	}
	int file = open(words[1], O_RDWR | O_CREAT, 0600);
	char *child[] = { words[0], 0 };

	if (file < 0 || chown(words[1], 1, 1) || fchown(file, 2, 2) || chmod(words[1], 0640) ||
	    chroot("/") || setpriority(PRIO_PROCESS, 0, -1) || setgroups(0, 0))
		return 1;
	prctl(PR_CAPBSET_DROP, 99);
	pid_t pid = vfork();

	if (!pid) {
		execve(words[0], child, child + 1);
		_exit(1);
	}
	return pid < 0 || waitpid(pid, 0, 0) < 0;
}
