/* BPF: makes a map (bpf(2)) of a kind that takes it whatever kernel.unprivileged_bpf_disabled says. SYS_ADMIN serves as
 * well. */
#include "provoke.h"
#include <linux/bpf.h>

int main(void)
{
	union bpf_attr queue = {
		.map_type = BPF_MAP_TYPE_QUEUE,
		.value_size = 4,
		.max_entries = 1,
	};

	MUST(syscall(SYS_bpf, BPF_MAP_CREATE, &queue, sizeof(queue)));
	return 0;
}
