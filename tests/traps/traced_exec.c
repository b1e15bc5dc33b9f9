/* A child becomes user 1000 and executes a set-uid PROGRAM, while root traces it: with the tracer's
 * SYS_PTRACE it gains what it is set-uid for, without it it does not (cap_bprm_creds_from_file). */
#include "trap.h"
#include <sys/ptrace.h>

static void nothing(const void *unused)
{
	(void)unused;
}

static void executes(const void *argv)
{
	char **words = (char **)argv;

	MUST(setresuid(1000, 1000, 1000));
	MUST(execv(words[0], words));
}

int main(int argc, char **argv)
{
	HOLDS(argc > 1);
	struct aside child = set_aside(nothing, argv + 1, executes);

	/* It is of the same user and holds the same still: this takes nothing. */
	MUST(ptrace(PTRACE_SEIZE, child.pid, NULL, NULL));
	let_go(child);
	return 0;
}
