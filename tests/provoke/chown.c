/* CHOWN: gives a file of its own to another user. */
#include "provoke.h"
#include <sys/mman.h>

int main(void)
{
	int file = MUST(memfd_create("file", 0));

	MUST(fchown(file, 1000, -1));
	return 0;
}
