/* Becomes user 1000, which gives every capability up, and is then refused what root might: no capability
 * of the container would change that. */
#include "trap.h"

int main(void)
{
	MUST(setresuid(1000, 1000, 1000));
	HOLDS(chown("f", 1000, 1000) == -1 && errno == EPERM);
	return 0;
}
