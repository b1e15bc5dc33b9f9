/* SYS_NICE: takes a higher priority (setpriority(2)), beyond RLIMIT_NICE. */
#include "provoke.h"
#include <sys/resource.h>

int main(void)
{
	MUST(setrlimit(RLIMIT_NICE, &(struct rlimit){ 0, 0 }));
	MUST(setpriority(PRIO_PROCESS, 0, -20));
	return 0;
}
