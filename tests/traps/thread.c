/* Two threads with credentials of their own: one gives everything up and is refused, the other goes on and
 * changes an owner. */
#include "trap.h"
#include <pthread.h>

static void *gives_up(void *unused)
{
	(void)unused;
	keep_only(0);
	HOLDS(chown("f", 1000, -1) == -1 && errno == EPERM);
	return NULL;
}

int main(void)
{
	pthread_t thread;

	HOLDS(pthread_create(&thread, NULL, gives_up, NULL) == 0);
	HOLDS(pthread_join(thread, NULL) == 0);
	MUST(chown("f", 1000, -1));
	return 0;
}
