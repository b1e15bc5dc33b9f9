/* Counts on a whole CPU (perf_event_open(2)), which takes PERFMON, or SYS_ADMIN. */
#include "trap.h"
#include <linux/perf_event.h>

int main(void)
{
	struct perf_event_attr attr = {
		.type = PERF_TYPE_SOFTWARE,
		.size = sizeof(attr),
		.config = PERF_COUNT_SW_CPU_CLOCK,
	};

	MUST(syscall(SYS_perf_event_open, &attr, -1, 0, -1, 0));
	return 0;
}
