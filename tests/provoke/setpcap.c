/* SETPCAP: gives up a capability for good, for its children too (prctl(2), PR_CAPBSET_DROP). */
#include "provoke.h"
#include <linux/capability.h>
#include <sys/prctl.h>

int main(void)
{
	MUST(prctl(PR_CAPBSET_DROP, CAP_SYS_MODULE));
	return 0;
}
