/* So many processes at once; when all are there, each makes one check of SETPCAP and ends. */
#include <stdlib.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <unistd.h>

int main(int count, char **words)
{
	int gate[2];
	char letter;

	if (count < 2 || pipe(gate))
		return 1;
	for (long i = atol(words[1]); i; i--) {
		pid_t pid = fork();

		if (pid < 0)
			return 1;
		if (pid)
			continue;
		close(gate[1]);
		if (read(gate[0], &letter, 1))
			_exit(1);
		prctl(PR_CAPBSET_DROP, 99);
		_exit(0);
	}
	close(gate[1]);
	while (wait(0) > 0)
		;
	return 0;
}
