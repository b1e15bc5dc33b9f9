/* SYSLOG: how much of the kernel's log is not read yet (syslog(2), SYSLOG_ACTION_SIZE_UNREAD). To read it all takes
 * the capability only where kernel.dmesg_restrict is set. */
#include "provoke.h"
#include <sys/klog.h>

int main(void)
{
	MUST(klogctl(9, NULL, 0));
	return 0;
}
