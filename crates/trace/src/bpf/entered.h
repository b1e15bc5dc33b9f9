/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* A check seen in two halves: the entry into cap_capable(), where the arguments and the kernel stack
 * are, and its return, where the answer is. Of a kretprobe's stack there is nothing left but its own
 * trampoline on some kernels (5.10).
 *
 * cap_capable() neither sleeps nor calls itself, so a thread is in it once. What the kernel does not
 * show of a half (a kretprobe has room for so many at a time only) is counted as a lost check. */
#pragma once

struct entered {
	const struct cred *cred;
	struct user_namespace *target;
	u64 stack;
	s32 cap;
	s32 opts;
	u32 unwound;
	u32 unused;
};

/* By thread. */
MAP(HASH, 4096, u64, struct entered) entereds SEC(".maps");

/* Whether the answer is certain and its kind is only counted: then no stack is wanted. Should it
 * turn out otherwise all the same, the stack counts as lost. */
static __always_inline bool is_settled(const struct check *check, u32 relation, u8 flags)
{
	const struct cred *cred = check->cred;
	u32 kind = kind_of(check->cap, relation, flags | GRANTED);

	return relation == NS_OWN && settled[kind & (KINDS_ROOM - 1)] &&
	       READ_CAPS(cred, cap_effective) >> (check->cap & 63) & 1;
}

static __always_inline int enter(void *ctx, const struct check *check)
{
	struct process *process = checked_process();
	struct scratch *room = scratch(FOR_CHECK);

	if (!process || !room)
		return 0;
	struct task_struct *task = current_task();
	u64 thread = bpf_get_current_pid_tgid();
	struct entered entered = {
		.cred = check->cred, .target = check->target, .cap = check->cap, .opts = check->opts,
	};
	struct key *key = &room->key;
	u8 flags = 0;
	u32 relation = relate(check, process, room, &flags);

	if (!is_settled(check, relation, flags)) {
		/* What stacks are remembered by. */
		key->task = task_kind(task);
		key->syscall = key->task == TASK_PROGRAM ?
			syscall_of(task, room->tally.arguments, &flags) : -1;
		key->flags = flags;
		key->capability = check->cap;
		key->image = process->image;
		entered.stack = stack_of(ctx, task, room);
		entered.unwound = 1;
	}
	/* One that is there still: its return was not seen. */
	if (bpf_map_lookup_elem(&entereds, &thread))
		lose(&state.lost_checks);
	bpf_map_update_elem(&entereds, &thread, &entered, BPF_ANY);
	return 0;
}

static __always_inline int leave(void *ctx, int ret)
{
	u64 thread = bpf_get_current_pid_tgid();
	struct entered *known = bpf_map_lookup_elem(&entereds, &thread);

	if (!known) {
		/* Its entry was not seen. */
		if (checked_process())
			lose(&state.lost_checks);
		return 0;
	}
	struct check check = {
		.cred = known->cred, .target = known->target, .cap = known->cap, .ret = ret,
		.opts = known->opts, .unwound = true, .stack = known->stack,
	};

	bpf_map_delete_elem(&entereds, &thread);
	return handle(ctx, &check);
}
