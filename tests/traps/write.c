/* Appends to a file: PATH [keep]; with `keep` its mode must be the same afterwards. */
#include "trap.h"

int main(int argc, char **argv)
{
	struct stat before, after;

	MUST(stat(argv[1], &before));
	int file = MUST(open(argv[1], O_WRONLY | O_APPEND));

	MUST(write(file, "x", 1));
	MUST(stat(argv[1], &after));
	HOLDS(after.st_size == before.st_size + 1);
	HOLDS(!is(word(argc, argv, 2), "keep") || after.st_mode == before.st_mode);
	return 0;
}
