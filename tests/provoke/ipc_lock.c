/* IPC_LOCK: locks memory beyond RLIMIT_MEMLOCK (mlock(2)). */
#include "provoke.h"
#include <sys/mman.h>
#include <sys/resource.h>

int main(void)
{
	static char memory[1];

	MUST(setrlimit(RLIMIT_MEMLOCK, &(struct rlimit){ 0, 0 }));
	MUST(mlock(memory, sizeof(memory)));
	return 0;
}
