/* Runs a program under a process ID of one's choice (clone3(2), set_tid), and exits as it does. */
#define _GNU_SOURCE
#include <linux/sched.h>
#include <signal.h>
#include <stdlib.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

int main(int count, char **words)
{
	if (count < 3)
		return 120;
	pid_t number = atoi(words[1]);
	struct clone_args args = {
		.exit_signal = SIGCHLD,
		.set_tid = (unsigned long)&number,
		.set_tid_size = 1,
	};
	long pid = syscall(SYS_clone3, &args, sizeof(args));
	int status;

	if (!pid) {
		execv(words[2], words + 2);
		_exit(121);
	}
	if (pid < 0 || waitpid(pid, &status, 0) < 0)
		return 122;
	return WIFEXITED(status) ? WEXITSTATUS(status) : 123;
}
