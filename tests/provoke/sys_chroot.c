/* SYS_CHROOT: takes the folder it is in as its root (chroot(2)). */
#include "provoke.h"

int main(void)
{
	MUST(chroot("."));
	return 0;
}
