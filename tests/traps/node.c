/* mknod(2): fifo|socket|file|whiteout take nothing, device takes MKNOD. */
#include "trap.h"
#include <sys/sysmacros.h>

int main(int argc, char **argv)
{
	const char *how = word(argc, argv, 1);

	if (is(how, "fifo"))
		MUST(mknod("n", S_IFIFO | 0600, 0));
	else if (is(how, "socket"))
		MUST(mknod("n", S_IFSOCK | 0600, 0));
	else if (is(how, "file"))
		MUST(mknod("n", S_IFREG | 0600, 0));
	else if (is(how, "whiteout"))
		MUST(mknod("n", S_IFCHR, makedev(0, 0)));
	else if (is(how, "device"))
		MUST(mknod("n", S_IFCHR | 0600, makedev(1, 3)));
	else
		return 2;
	return 0;
}
