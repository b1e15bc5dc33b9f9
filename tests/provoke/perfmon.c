/* PERFMON: counts what the programs on a CPU do, everybody's (perf_event_open(2)). SYS_ADMIN serves as well. */
#include "provoke.h"
#include <linux/perf_event.h>

int main(void)
{
	FILE *paranoid = fopen("/proc/sys/kernel/perf_event_paranoid", "r");
	int level;

	struct perf_event_attr clock = {
		.type = PERF_TYPE_SOFTWARE,
		.size = sizeof(clock),
		.config = PERF_COUNT_SW_CPU_CLOCK,
		.exclude_kernel = 1,
	};

	/* Debian's kernels know a 3, with which nothing but SYS_ADMIN serves. */
	HOLDS(paranoid && fscanf(paranoid, "%d", &level) == 1);
	if (level > 2)
		return CANNOT;
	MUST(syscall(SYS_perf_event_open, &clock, -1, 0, -1, 0));
	return 0;
}
