/* So many processes, eight at a time: each makes one check of SETPCAP and ends, every fifth by executing
 * this program anew. */
#include <stdlib.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <unistd.h>

int main(int count, char **words)
{
	if (count < 2) {
		prctl(PR_CAPBSET_DROP, 99);
		_exit(0);
	}
	long number = atol(words[1]);
	char *child[] = { words[0], 0 };

	for (volatile long i = 0; i < number; i++) {
		pid_t pid = vfork();

		if (!pid && i % 5 == 0) {
			execve(words[0], child, child + 1);
			_exit(1);
		}
		if (!pid) {
			prctl(PR_CAPBSET_DROP, 99);
			_exit(0);
		}
		if (pid < 0)
			return 1;
		while (i % 8 == 7 && wait(0) > 0)
			;
	}
	while (wait(0) > 0)
		;
	return 0;
}
