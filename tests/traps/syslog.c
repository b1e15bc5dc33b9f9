/* Reads the kernel's log (syslog(2), SYSLOG_ACTION_READ_ALL). */
#include "trap.h"
#include <sys/klog.h>

int main(void)
{
	char text[64];

	MUST(klogctl(3, text, sizeof(text)));
	return 0;
}
