/* FOWNER: changes the mode of a FILE of another user. */
#include "provoke.h"

int main(int argc, char **argv)
{
	MUST(fchmodat(AT_FDCWD, told(argc, argv), 0600, 0));
	return 0;
}
