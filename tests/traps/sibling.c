/* Makes a child that is not its own but its parent's (CLONE_PARENT), which changes the owner of f. */
#include "trap.h"

int main(void)
{
	struct stat now;
	pid_t sibling = MUST(syscall(SYS_clone, CLONE_PARENT | SIGCHLD, NULL, NULL, NULL, NULL));

	if (!sibling)
		_exit(chown("f", 1000, -1) ? 1 : 0);
	for (int tries = 0; tries < 2000; tries++) {
		MUST(stat("f", &now));
		if (now.st_uid == 1000)
			return 0;
		usleep(1000);
	}
	return 1;
}
