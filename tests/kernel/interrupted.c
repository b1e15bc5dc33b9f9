/* So many checks of SETPCAP, under a timer that interrupts them. */
#include <signal.h>
#include <stdlib.h>
#include <sys/prctl.h>
#include <sys/time.h>

static void tick(int signal)
{
	(void)signal;
}

int main(int count, char **words)
{
	struct itimerval often = { { 0, 50 }, { 0, 50 } };

	signal(SIGALRM, tick);
	setitimer(ITIMER_REAL, &often, 0);
	for (int i = 0; i < atoi(words[count - 1]); i++)
		prctl(PR_CAPBSET_DROP, 99);
	return 0;
}
