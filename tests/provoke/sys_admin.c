/* SYS_ADMIN: makes a mount namespace of its own (unshare(2)). It takes this one for a hundred other things. */
#include "provoke.h"
#include <sched.h>

int main(void)
{
	MUST(unshare(CLONE_NEWNS));
	return 0;
}
