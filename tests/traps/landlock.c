/* A Landlock ruleset: [no_new_privs]. As with seccomp. Status 77: this kernel has no Landlock. */
#include "trap.h"

int main(int argc, char **argv)
{
	/* struct landlock_ruleset_attr, LANDLOCK_ACCESS_FS_MAKE_BLOCK: older headers lack them. */
	unsigned long long handled = 1 << 11;
	int ruleset = syscall(444 /* landlock_create_ruleset */, &handled, sizeof(handled), 0);

	if (ruleset < 0 && (errno == ENOSYS || errno == EOPNOTSUPP))
		return 77;
	MUST(ruleset);
	if (is(word(argc, argv, 1), "no_new_privs"))
		MUST(prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0));
	MUST(syscall(446 /* landlock_restrict_self */, ruleset, 0));
	return 0;
}
