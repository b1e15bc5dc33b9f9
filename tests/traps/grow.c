/* Appends to a file of its own, asks for its owner, renames and removes it. */
#include "trap.h"

int main(void)
{
	struct stat now;
	int file = MUST(open("mine/f", O_RDWR | O_APPEND));

	MUST(write(file, "more", 4));
	MUST(close(file));
	MUST(stat("mine/f", &now));
	HOLDS(now.st_size == 8);
	MUST(chmod("mine/f", 0640));
	MUST(access("mine/f", R_OK | W_OK));
	MUST(rename("mine/f", "mine/g"));
	MUST(unlink("mine/g"));
	MUST(mkdir("mine/d", 0755));
	return 0;
}
