/* Makes a BPF hash map (bpf(2), BPF_MAP_CREATE), which takes BPF, or SYS_ADMIN. And `array` makes an array, for
 * which PERFMON is asked too, to decide on a mitigation. */
#include "trap.h"
#include <linux/bpf.h>

int main(int argc, char **argv)
{
	union bpf_attr attr;

	memset(&attr, 0, sizeof(attr));
	attr.map_type = is(word(argc, argv, 1), "array") ? BPF_MAP_TYPE_ARRAY : BPF_MAP_TYPE_HASH;
	attr.key_size = attr.value_size = 4;
	attr.max_entries = 1;
	MUST(syscall(SYS_bpf, BPF_MAP_CREATE, &attr, sizeof(attr)));
	return 0;
}
