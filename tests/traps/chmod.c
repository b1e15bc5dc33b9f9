/* chmod|fchmod|fchmodat|fchmodat2|int80 MODE PATH, and the mode is there afterwards. */
#include "trap.h"

int main(int argc, char **argv)
{
	HOLDS(argc == 4);
	const char *how = argv[1], *path = argv[3];
	unsigned mode = strtoul(argv[2], NULL, 8);
	struct stat now;

	if (is(how, "chmod"))
		MUST(chmod(path, mode));
	else if (is(how, "fchmod"))
		MUST(fchmod(MUST(open(path, O_RDONLY)), mode));
	else if (is(how, "fchmodat"))
		MUST(syscall(SYS_fchmodat, AT_FDCWD, path, mode));
	else if (is(how, "fchmodat2")) {
		/* Linux 6.6 and newer. */
		if (syscall(452, AT_FDCWD, path, mode, 0) && errno == ENOSYS)
			return 77;
	}
#ifdef __x86_64__
	else if (is(how, "int80")) {
		/* 32-bit chmod(2) is number 15; the path must lie in the lower 4 GiB: no PIE. */
		static char low[4096];
		long result;

		strncpy(low, path, sizeof(low) - 1);
		__asm__ volatile("int $0x80" : "=a"(result) : "a"(15L), "b"(low), "c"(mode) : "memory");
		HOLDS(result == 0);
	}
#endif
	else
		return 2;
	MUST(stat(path, &now));
	HOLDS((now.st_mode & 07777) == mode);
	return 0;
}
