/* MAC_OVERRIDE: opens a FILE with a Smack label that no rule lets it open. No other security module takes it. */
#include "provoke.h"

int main(int argc, char **argv)
{
	if (access("/sys/fs/smackfs", F_OK) != 0)
		return CANNOT;
	MUST(open(told(argc, argv), O_RDONLY));
	return 0;
}
