/* capset(2): `effective` takes its effective set away and back; `inheritable` raises the inheritable set
 * within the permitted one; `beyond` raises it beyond the permitted one, within the bounding set, which
 * takes SETPCAP. Each asks for SETPCAP. */
#include "trap.h"

#define CHOWN (1ULL << CAP_CHOWN)

int main(int argc, char **argv)
{
	const char *how = word(argc, argv, 1);
	struct sets all = get_sets(), some = all;

	if (is(how, "effective")) {
		some.effective = 0;
		MUST(set_sets(some));
		MUST(set_sets(all));
	} else if (is(how, "inheritable")) {
		some.inheritable = some.permitted;
		MUST(set_sets(some));
	} else if (is(how, "beyond")) {
		some.permitted &= ~CHOWN, some.effective &= ~CHOWN;
		MUST(set_sets(some));
		some.inheritable |= CHOWN;
		MUST(set_sets(some));
	} else
		return 2;
	return 0;
}
