/* SYS_RESOURCE: looks at the limits of a process (PID) of another user (prlimit(2)). It takes this one as well to
 * raise a hard limit of one's own, which most programs can do without. */
#include "provoke.h"
#include <sys/resource.h>

int main(int argc, char **argv)
{
	struct rlimit limit;

	MUST(prlimit(atoi(told(argc, argv)), RLIMIT_NOFILE, NULL, &limit));
	return 0;
}
