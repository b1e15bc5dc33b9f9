/* Makes a BPF hash map (bpf(2), BPF_MAP_CREATE), which takes BPF, or SYS_ADMIN. */
#include "trap.h"
#include <linux/bpf.h>

int main(void)
{
	union bpf_attr attr;

	memset(&attr, 0, sizeof(attr));
	attr.map_type = BPF_MAP_TYPE_HASH;
	attr.key_size = attr.value_size = 4;
	attr.max_entries = 1;
	MUST(syscall(SYS_bpf, BPF_MAP_CREATE, &attr, sizeof(attr)));
	return 0;
}
