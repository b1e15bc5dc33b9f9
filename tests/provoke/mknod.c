/* MKNOD: makes a device (mknod(2)): another /dev/null. */
#include "provoke.h"
#include <sys/sysmacros.h>

int main(void)
{
	MUST(mknodat(AT_FDCWD, "device", S_IFCHR | 0600, makedev(1, 3)));
	MUST(unlink("device"));
	return 0;
}
