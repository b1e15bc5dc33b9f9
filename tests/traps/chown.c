/* chown|fchown|fchownat|int80 UID GID PATH, and they are there afterwards. */
#include "trap.h"

int main(int argc, char **argv)
{
	HOLDS(argc == 5);
	const char *how = argv[1], *path = argv[4];
	int uid = atoi(argv[2]), gid = atoi(argv[3]);
	struct stat now;

	if (is(how, "chown"))
		MUST(chown(path, uid, gid));
	else if (is(how, "fchown"))
		MUST(fchown(MUST(open(path, O_RDONLY)), uid, gid));
	else if (is(how, "fchownat"))
		MUST(fchownat(AT_FDCWD, path, uid, gid, 0));
#ifdef __x86_64__
	else if (is(how, "int80")) {
		/* chown32; the path must lie in the lower 4 GiB: no PIE. */
		static char low[4096];
		long result;

		strncpy(low, path, sizeof(low) - 1);
		__asm__ volatile("int $0x80"
				 : "=a"(result)
				 : "a"(212L), "b"(low), "c"((long)uid), "d"((long)gid)
				 : "memory");
		HOLDS(result == 0);
	}
#endif
	else
		return 2;
	MUST(stat(path, &now));
	HOLDS((uid < 0 || now.st_uid == (uid_t)uid) && (gid < 0 || now.st_gid == (gid_t)gid));
	return 0;
}
