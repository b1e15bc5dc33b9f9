/* Takes the real-time I/O class (ioprio_set(2)): the kernel asks SYS_ADMIN first, then SYS_NICE. */
#include "trap.h"

int main(void)
{
	MUST(syscall(SYS_ioprio_set, 1 /* IOPRIO_WHO_PROCESS */, 0, 1 << 13 /* IOPRIO_CLASS_RT */));
	return 0;
}
