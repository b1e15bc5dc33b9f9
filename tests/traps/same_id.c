/* Takes the ids it has: setuid|setgid|setresuid|setgroups. */
#include "trap.h"
#include <grp.h>

int main(int argc, char **argv)
{
	const char *how = word(argc, argv, 1);

	if (is(how, "setuid"))
		MUST(setuid(getuid()));
	else if (is(how, "setgid"))
		MUST(setgid(getgid()));
	else if (is(how, "setresuid"))
		MUST(setresuid(getuid(), getuid(), getuid()));
	else if (is(how, "setgroups"))
		MUST(setgroups(0, NULL));
	else
		return 2;
	return 0;
}
