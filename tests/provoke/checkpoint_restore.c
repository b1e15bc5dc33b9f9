/* CHECKPOINT_RESTORE: opens what is mapped into its memory by the address (proc_pid_map_files(5)). SYS_ADMIN serves as
 * well. */
#include "provoke.h"

int main(void)
{
	unsigned long from, to;
	char path[64];
	FILE *maps = fopen("/proc/self/maps", "r");

	HOLDS(maps && fscanf(maps, "%lx-%lx", &from, &to) == 2);
	sprintf(path, "/proc/self/map_files/%lx-%lx", from, to);
	MUST(open(path, O_RDONLY));
	return 0;
}
