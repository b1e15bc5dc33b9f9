/* FSETID: sets the set-group-ID bit of a FILE of one's own, whose group one is not in. Without the capability the
 * call succeeds and the bit is left off. */
#include "provoke.h"

int main(int argc, char **argv)
{
	const char *file = told(argc, argv);
	struct stat now;

	MUST(fchmodat(AT_FDCWD, file, S_ISGID | 0755, 0));
	MUST(stat(file, &now));
	HOLDS(now.st_mode & S_ISGID);
	return 0;
}
