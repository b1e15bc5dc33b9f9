/* MAC_ADMIN: gives AppArmor a profile that is none. It says EPROTO or the like: it did look at it. */
#include "provoke.h"

int main(void)
{
	int load = open("/sys/kernel/security/apparmor/.load", O_WRONLY);

	if (load < 0 && errno == ENOENT)
		return CANNOT;
	MUST(load);
	return write(load, "none", 4) < 0 && errno != EACCES && errno != EPERM ? 0 : 1;
}
