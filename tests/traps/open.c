/* Opens files, or asks whether it might: r|w|b|n|a|e PATH…, for reading, for appending,
 * for both in turn, with O_NOATIME and if that is refused without, by access(2), with AT_EACCESS. */
#include "trap.h"

int main(int argc, char **argv)
{
	for (int i = 2; i < argc; i++) {
		switch (argv[1][0]) {
		case 'r':
			MUST(open(argv[i], O_RDONLY));
			break;
		case 'w':
			MUST(open(argv[i], O_WRONLY | O_APPEND));
			break;
		case 'b':
			MUST(open(argv[i], O_RDONLY));
			MUST(open(argv[i], O_WRONLY | O_APPEND));
			break;
		case 'n':
			if (open(argv[i], O_RDONLY | O_NOATIME) < 0)
				MUST(open(argv[i], O_RDONLY));
			break;
		case 'a': /* with the real user's ids */
			MUST(access(argv[i], R_OK));
			break;
		case 'e': /* with the effective ids */
			MUST(syscall(439 /* faccessat2 */, AT_FDCWD, argv[i], R_OK, AT_EACCESS));
			break;
		default:
			return 2;
		}
	}
	return argc > 2 ? 0 : 2;
}
