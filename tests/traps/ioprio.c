/* Takes the real-time I/O class (ioprio_set(2)): the kernel asks SYS_ADMIN first, then SYS_NICE.
 * With `unshare` it takes SYS_ADMIN as well. */
#include "trap.h"

int main(int argc, char **argv)
{
	if (is(word(argc, argv, 1), "unshare"))
		MUST(unshare(CLONE_NEWUTS));
	MUST(syscall(SYS_ioprio_set, 1 /* IOPRIO_WHO_PROCESS */, 0, 1 << 13 /* IOPRIO_CLASS_RT */));
	return 0;
}
