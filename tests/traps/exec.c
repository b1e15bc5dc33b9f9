/* Executes another program: execve|vfork|fork|thread|memfd|seteuid PROGRAM WORD…, by itself, in a child, from
 * a thread that is not the first, a copy of it in memory as runc executes itself, or as user 1000 in effect. */
#include "trap.h"
#include <pthread.h>
#include <sys/mman.h>
#include <sys/sendfile.h>

static void *execute(void *argv)
{
	char **words = argv;

	execv(words[0], words);
	perror(words[0]);
	_exit(1);
}

int main(int argc, char **argv)
{
	const char *how = word(argc, argv, 1);
	pid_t child;

	HOLDS(argc > 2);
	if (is(how, "seteuid"))
		MUST(seteuid(1000));
	if (is(how, "execve") || is(how, "seteuid"))
		execute(argv + 2);
	if (is(how, "memfd")) {
		int from = MUST(open(argv[2], O_RDONLY)), copy = MUST(memfd_create("copy", 0));

		while (MUST(sendfile(copy, from, NULL, 1 << 20)))
			;
		MUST(fexecve(copy, argv + 2, environ));
	}
	if (is(how, "thread")) {
		pthread_t thread;

		HOLDS(pthread_create(&thread, NULL, execute, argv + 2) == 0);
		pause();
	}
	child = is(how, "vfork") ? vfork() : fork();
	if (!child)
		execute(argv + 2);
	succeeds(MUST(child));
	return 0;
}
