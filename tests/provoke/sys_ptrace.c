/* SYS_PTRACE: reads the memory of a process that said that nobody may (PR_SET_DUMPABLE(2const)). Looking into
 * another user's takes it as well. */
#include "provoke.h"
#include <signal.h>
#include <sys/prctl.h>
#include <sys/uio.h>
#include <sys/wait.h>

int main(void)
{
	char byte, secret = 1;
	struct iovec here = { &byte, 1 }, there = { &secret, 1 };

	MUST(prctl(PR_SET_DUMPABLE, 0));
	pid_t child = MUST(fork());

	if (!child)
		return pause();
	long read = process_vm_readv(child, &here, 1, &there, 1, 0), refused = errno;

	MUST(kill(child, SIGTERM));
	MUST(waitpid(child, NULL, 0));
	errno = refused;
	MUST(read);
	HOLDS(byte == secret);
	return 0;
}
