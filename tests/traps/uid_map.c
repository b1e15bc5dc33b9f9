/* A child in a user namespace gets its uid_map (the lines on the command line): opened here, written by a
 * helper that has inherited the file. The kernel judges the writer and who opened it. With `dropped` the
 * helper has given everything up, and the write is refused. */
#include "trap.h"

static void makes_a_namespace(const void *unused)
{
	(void)unused;
	MUST(unshare(CLONE_NEWUSER));
}

int main(int argc, char **argv)
{
	int dropped = is(word(argc, argv, 2), "dropped");
	char path[64];
	struct aside child = set_aside(makes_a_namespace, NULL, NULL);

	snprintf(path, sizeof(path), "/proc/%d/uid_map", child.pid);
	int map = MUST(open(path, O_WRONLY));
	pid_t helper = MUST(fork());

	if (!helper) {
		if (dropped)
			keep_only(0);
		int written = write(map, argv[1], strlen(argv[1]));

		HOLDS((written < 0) == dropped);
		_exit(0);
	}
	succeeds(helper);
	let_go(child);
	return 0;
}
