/* A fork bomb: every process goes on forking, and makes checks of SETPCAP and SYS_CHROOT. Where there is no
 * room for another one, every third ends, so that it goes on. It is over by itself after so many seconds. */
#include <signal.h>
#include <stdlib.h>
#include <sys/prctl.h>
#include <time.h>
#include <unistd.h>

static long now(void)
{
	struct timespec time;

	clock_gettime(CLOCK_MONOTONIC, &time);
	return time.tv_sec;
}

int main(int count, char **words)
{
	if (count < 2)
		return 1;
	long end = now() + atol(words[1]);
	pid_t first = getpid();

	signal(SIGCHLD, SIG_IGN);
	while (now() < end) {
		pid_t pid = fork();

		prctl(PR_CAPBSET_DROP, 99);
		if (chroot("/"))
			return 1;
		if (pid < 0 && getpid() != first && getpid() % 3 == 0)
			return 0;
	}
	return 0;
}
