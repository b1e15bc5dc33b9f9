/* Mounts a tmpfs in a user namespace of its own, and unmounts it. */
#include "trap.h"
#include <sys/mount.h>

int main(void)
{
	MUST(unshare(CLONE_NEWUSER | CLONE_NEWNS));
	MUST(mount("none", ".", "tmpfs", 0, NULL));
	MUST(chdir("/tmp"));
	return 0;
}
