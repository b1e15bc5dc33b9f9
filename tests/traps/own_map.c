/* Makes a user namespace and gives itself a uid there: INSIDE OUTSIDE 1. Mapping the user 0 of outside takes
 * SETFCAP at the moment the namespace is made, for which the kernel asks nobody (create_user_ns,
 * parent_could_setfcap). */
#include "trap.h"

int main(int argc, char **argv)
{
	MUST(unshare(CLONE_NEWUSER));
	put("/proc/self/setgroups", "deny");
	put("/proc/self/uid_map", word(argc, argv, 1));
	return 0;
}
