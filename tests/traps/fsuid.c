/* As user 1000 for files (setfsuid(2)), which gives the capabilities for files up, and back: reads 1000's
 * f meanwhile, and is refused root's g. */
#include "trap.h"
#include <sys/fsuid.h>

int main(void)
{
	setfsuid(1000);
	HOLDS(setfsuid(-1) == 1000);
	MUST(open("f", O_RDONLY));
	HOLDS(open("g", O_RDONLY) == -1 && errno == EACCES);
	setfsuid(0);
	MUST(open("g", O_RDONLY));
	return 0;
}
