/* Locks memory under a limit of 64 KiB: KIB of it. */
#include "trap.h"
#include <sys/mman.h>
#include <sys/resource.h>

int main(int argc, char **argv)
{
	size_t size = atoi(word(argc, argv, 1)) << 10;
	struct rlimit limit = { 64 << 10, 64 << 10 };

	MUST(setrlimit(RLIMIT_MEMLOCK, &limit));
	void *memory = mmap(NULL, size, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);

	HOLDS(memory != MAP_FAILED);
	MUST(mlock(memory, size));
	return 0;
}
