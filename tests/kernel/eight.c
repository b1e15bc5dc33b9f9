/* Eight processes, each with so many checks of SETPCAP. */
#include <stdlib.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <unistd.h>

int main(int count, char **words)
{
	for (int p = 0; p < 8; p++) {
		if (fork())
			continue;
		for (long i = atol(words[count - 1]); i; i--)
			prctl(PR_CAPBSET_DROP, 99);
		_exit(0);
	}
	while (wait(0) > 0)
		;
	return 0;
}
