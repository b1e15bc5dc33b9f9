/* A child asks its parent to trace it (PTRACE_TRACEME). The parent has given CHOWN up, the child has not
 * and uses it: the kernel asks for the *parent's* SYS_PTRACE, while the child runs. */
#include "trap.h"
#include <sys/ptrace.h>

static void nothing(const void *unused)
{
	(void)unused;
}

static void is_traced(const void *unused)
{
	(void)unused;
	MUST(ptrace(PTRACE_TRACEME, 0, NULL, NULL));
	MUST(chown("f", 1000, -1));
}

int main(void)
{
	struct aside child = set_aside(nothing, NULL, is_traced);

	keep_only(~(1ULL << CAP_CHOWN));
	let_go(child);
	return 0;
}
