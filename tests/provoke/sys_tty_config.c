/* SYS_TTY_CONFIG: hangs up its terminal (vhangup(2)), in a session that has none. */
#include "provoke.h"
#include <sys/wait.h>

int main(void)
{
	int status;
	pid_t child = MUST(fork());

	if (!child) {
		MUST(setsid());
		MUST(vhangup());
		return 0;
	}
	MUST(waitpid(child, &status, 0));
	return WIFEXITED(status) ? WEXITSTATUS(status) : 1;
}
