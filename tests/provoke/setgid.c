/* SETGID: takes another group. */
#include "provoke.h"

int main(void)
{
	MUST(setgid(1000));
	return 0;
}
