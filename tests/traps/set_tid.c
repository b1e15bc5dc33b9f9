/* Makes a process with a number of its choice (clone3(2), set_tid), which takes CHECKPOINT_RESTORE, or
 * SYS_ADMIN. */
#include "trap.h"
#include <linux/sched.h>

int main(void)
{
	/* A number that was in use until just now is free. */
	pid_t number = MUST(fork());

	if (!number)
		return 0;
	succeeds(number);
	struct clone_args args = {
		.exit_signal = SIGCHLD,
		.set_tid = (unsigned long)&number,
		.set_tid_size = 1,
	};
	pid_t child = MUST(syscall(SYS_clone3, &args, sizeof(args)));

	if (!child)
		_exit(getpid() == number ? 0 : 1);
	succeeds(child);
	return 0;
}
