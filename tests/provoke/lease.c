/* LEASE: a lease on a FILE of another user (fcntl(2), F_SETLEASE): whoever opens it to write has to wait. */
#include "provoke.h"

int main(int argc, char **argv)
{
	int file = MUST(open(told(argc, argv), O_RDONLY));

	MUST(fcntl(file, F_SETLEASE, F_RDLCK));
	return 0;
}
