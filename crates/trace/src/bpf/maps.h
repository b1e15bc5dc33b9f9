/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* What the programs remember. All preallocated: a check may happen where memory may not be asked for. */
#pragma once

#define MAP(kind, entries, key_type, value_type) \
	struct { \
		__uint(type, BPF_MAP_TYPE_##kind); \
		__uint(max_entries, entries); \
		__type(key, key_type); \
		__type(value, value_type); \
	}

struct config config SEC(".data.config") = {};
struct state state SEC(".bss") = {};
/* Threads whose refused call has not returned yet, or more; user space puts it back to nothing. */
u32 open_calls SEC(".data.open_calls") = 0;
/* By kind: whether the need is settled, and checks of that kind are only counted from now on. */
u8 settled[KINDS_ROOM] SEC(".data.settled") = {};

/* By process ID (tgid). */
MAP(HASH, 32768, u32, struct process) processes SEC(".maps");
MAP(HASH, 4096, struct image_key, struct image) images SEC(".maps");
/* Processes that were the target's and have ended. */
MAP(LRU_HASH, 8192, u32, u32) ended SEC(".maps");
MAP(HASH, 4096, u32, struct exit) exits SEC(".maps");
/* Images that turned out to be a runtime's, by their number. */
MAP(HASH, 4096, u32, u32) runtimes SEC(".maps");
/* By kind; each CPU counts for itself, and no count is lost. First what is tallied too, then what
 * is settled. */
MAP(PERCPU_ARRAY, 2 * KINDS, u32, u64) totals SEC(".maps");
MAP(HASH, 16384, struct key, struct tally) tallies SEC(".maps");
/* By a 64-bit hash of the frames: the kernel's own stack map loses what collides. */
MAP(HASH, 8192, u64, struct stack) stacks SEC(".maps");
/* By return address. */
MAP(HASH, 8192, u64, struct symbol) symbols SEC(".maps");
MAP(ARRAY, 2 * SYSCALLS, u32, struct shape) shapes SEC(".maps");
/* By thread ID. */
MAP(HASH, 4096, u32, struct pending) pendings SEC(".maps");
/* Calls that failed, and calls that asked a process outside of the target. */
MAP(HASH, 8192, struct call_key, struct tally) failures SEC(".maps");
MAP(HASH, 1024, struct call_key, struct tally) helpers SEC(".maps");
/* A slot for each place of use: a program does not interrupt itself. */
enum { FOR_CHECK = 0, FOR_EXEC = 1, FOR_RETURN = 2, SLOTS = 3 };
MAP(PERCPU_ARRAY, SLOTS, u32, struct scratch) scratches SEC(".maps");

static __always_inline void lose(u64 *counter)
{
	__sync_fetch_and_add(counter, 1);
}

static __always_inline struct scratch *scratch(u32 slot)
{
	return bpf_map_lookup_elem(&scratches, &slot);
}

/* Inserts what another CPU may insert at the same time, and returns what is there then. The error would
 * not tell: before 6.4 -EEXIST comes without its sign in 64 bits (commit d7ba4cc900bf). */
static __always_inline void *insert(void *map, const void *key, const void *value)
{
	bpf_map_update_elem(map, key, value, BPF_NOEXIST);
	return bpf_map_lookup_elem(map, key);
}
