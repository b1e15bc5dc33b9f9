/* SYS_PACCT: switches process accounting on (acct(2)), into a folder. The kernel says EISDIR: it did try. */
#include "provoke.h"

int main(void)
{
	int on = acct(".");

	if (on < 0 && errno == EISDIR)
		return 0;
	MUST(on);
	return 1;
}
