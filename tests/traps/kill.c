/* A signal to a child of user 1000: its number. 0 only asks whether it is there. A child of one's own: with
 * a second word. */
#include "trap.h"

static void becomes(const void *uid)
{
	if (*(const int *)uid)
		MUST(setresuid(1000, 1000, 1000));
	signal(SIGUSR1, SIG_IGN);
}

int main(int argc, char **argv)
{
	int number = atoi(word(argc, argv, 1)), uid = argc == 2;
	struct aside child = set_aside(becomes, &uid, NULL);

	/* EPERM says that it is there, too. */
	HOLDS(kill(child.pid, number) == 0 || (number == 0 && errno == EPERM));
	let_go(child);
	return 0;
}
