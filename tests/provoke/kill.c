/* KILL: ends a process (PID) of another user. */
#include "provoke.h"
#include <signal.h>

int main(int argc, char **argv)
{
	MUST(kill(atoi(told(argc, argv)), SIGTERM));
	return 0;
}
