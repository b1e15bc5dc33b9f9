/* Memory: every mmap, brk, fork and exec makes the kernel ask for SYS_ADMIN, and nothing depends on it. */
#include "trap.h"
#include <sys/mman.h>

int main(int argc, char **argv)
{
	size_t size = 64 << 20;
	char *memory = mmap(NULL, size, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);

	HOLDS(memory != MAP_FAILED);
	memory[size / 2] = 1;
	HOLDS(sbrk(1 << 20) != (void *)-1);
	if (argc > 1)
		return 0;
	pid_t child = MUST(fork());

	if (!child)
		MUST(execl("/proc/self/exe", argv[0], "again", NULL));
	succeeds(child);
	return 0;
}
