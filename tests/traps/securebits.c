/* Changes its securebits (PR_SET_SECUREBITS), which takes SETPCAP. */
#include "trap.h"
#include <linux/securebits.h>

int main(void)
{
	MUST(prctl(PR_SET_SECUREBITS, SECBIT_NOROOT, 0, 0, 0));
	return 0;
}
