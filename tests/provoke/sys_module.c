/* SYS_MODULE: loads an empty kernel module (init_module(2)). The kernel says ENOEXEC: it did look at it. */
#include "provoke.h"

int main(void)
{
	long loaded = syscall(SYS_init_module, "", 0, "");

	if (loaded < 0 && errno == ENOEXEC)
		return 0;
	MUST(loaded);
	return 1;
}
