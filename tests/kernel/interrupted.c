/* A million checks of SETPCAP, under a timer that interrupts them. */
#include <signal.h>
#include <sys/prctl.h>
#include <sys/time.h>

static void tick(int signal)
{
	(void)signal;
}

int main(void)
{
	struct itimerval often = { { 0, 50 }, { 0, 50 } };

	signal(SIGALRM, tick);
	setitimer(ITIMER_REAL, &often, 0);
	for (int i = 0; i < 1000000; i++)
		prctl(PR_CAPBSET_DROP, 99);
	return 0;
}
