/* SYS_TIME: sets the length of the clock's tick, to what it is (clock_adjtime(2)). */
#include "provoke.h"
#include <sys/timex.h>
#include <time.h>

int main(void)
{
	struct timex tick = { .modes = 0 };

	MUST(clock_adjtime(CLOCK_REALTIME, &tick));
	tick.modes = ADJ_TICK;
	MUST(clock_adjtime(CLOCK_REALTIME, &tick));
	return 0;
}
