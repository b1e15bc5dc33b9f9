/* Raises its own priority, which takes SYS_NICE; and lowers it, which takes nothing. */
#include "trap.h"
#include <sys/resource.h>

int main(int argc, char **argv)
{
	MUST(setpriority(PRIO_PROCESS, 0, atoi(word(argc, argv, 1))));
	return 0;
}
