/* WAKE_ALARM: a timer that wakes the machine (timerfd_create(2)), which is not set. */
#include "provoke.h"
#include <sys/timerfd.h>
#include <time.h>

int main(void)
{
	MUST(timerfd_create(CLOCK_BOOTTIME_ALARM, 0));
	return 0;
}
