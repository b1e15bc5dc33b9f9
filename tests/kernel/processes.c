/* So many processes, one after the other, each with one check of SETPCAP. */
#include <stdlib.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <unistd.h>

static void start(void)
{
	if (!vfork()) {
		prctl(PR_CAPBSET_DROP, 99);
		_exit(0);
	}
}

int main(int count, char **words)
{
	for (int i = 0; i < atoi(words[count - 1]); i++) {
		start();
		while (i % 8 == 7 && wait(0) > 0)
			;
	}
	while (wait(0) > 0)
		;
	return 0;
}
