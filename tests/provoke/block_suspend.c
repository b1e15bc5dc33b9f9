/* BLOCK_SUSPEND: keeps the machine awake while an event is worked on (epoll_ctl(2), EPOLLWAKEUP). Without the
 * capability the call succeeds and the flag is left off, as /proc/PID/fdinfo shows. */
#include "provoke.h"
#include <sys/epoll.h>

int main(void)
{
	struct epoll_event event = { .events = EPOLLIN | EPOLLWAKEUP };
	char path[64], text[256] = "";
	unsigned int taken = 0;
	int pair[2], epoll = MUST(epoll_create1(0));

	/* A kernel that never sleeps leaves it off anyway. */
	if (access("/sys/power/wakeup_count", F_OK) != 0)
		return CANNOT;
	MUST(pipe(pair));
	MUST(epoll_ctl(epoll, EPOLL_CTL_ADD, pair[0], &event));
	sprintf(path, "/proc/self/fdinfo/%d", epoll);
	MUST(read(MUST(open(path, O_RDONLY)), text, sizeof(text) - 1));
	sscanf(strstr(text, "events:"), "events: %x", &taken);
	HOLDS(taken & EPOLLWAKEUP);
	return 0;
}
