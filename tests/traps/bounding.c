/* Drops CHOWN from its bounding set, and from the others; `chown` then tries to use it and minds no
 * refusal. */
#include "trap.h"

int main(int argc, char **argv)
{
	MUST(prctl(PR_CAPBSET_DROP, CAP_CHOWN, 0, 0, 0));
	HOLDS(prctl(PR_CAPBSET_READ, CAP_CHOWN, 0, 0, 0) == 0);
	if (is(word(argc, argv, 1), "chown")) {
		keep_only(~(1ULL << CAP_CHOWN));
		HOLDS(chown("f", 1000, 1000) == -1 && errno == EPERM);
	}
	return 0;
}
