/* SETUID: becomes another user. */
#include "provoke.h"

int main(void)
{
	MUST(setuid(1000));
	return 0;
}
