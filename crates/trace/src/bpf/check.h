/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* One capability check: whose it is, what it is, and where it is counted. */
#pragma once

#define OPTS_UNKNOWN (-1)
/* include/linux/security.h: CAP_OPT_NOAUDIT */
#define OPT_NOAUDIT 2

struct check {
	const struct cred *cred;
	struct user_namespace *target;
	int cap;
	int ret;
	/* The options of cap_capable(), or OPTS_UNKNOWN. */
	int opts;
	/* Whether the verifier knows the types of the two pointers, so that they can be followed
	 * without asking a helper. */
	bool typed;
	/* Whether the kernel stack was unwound before, and its number. */
	bool unwound;
	/* Whether the context is a kprobe's at a function's first instruction. */
	bool at_entry;
	u64 stack;
};

/* Whether a user namespace is this one, or below it. User namespaces nest 33 deep at most
 * (create_user_ns() refuses a level above 32). */
static __always_inline bool is_within(struct user_namespace *ns, u32 own)
{
	for (u32 i = 0; i < 34; i++) {
		if (!ns)
			break;
		if (BPF_CORE_READ(ns, ns.inum) == own)
			return true;
		ns = BPF_CORE_READ(ns, parent);
	}
	return false;
}

/* What answers the check in the scratch room, for a target whose user namespace is `own`: as
 * cap_capable_helper() of security/commoncap.c goes up from the namespace that is asked about.
 * There the sets of the credentials answer where it meets their namespace, whoever owns the one
 * asked about; ownership answers only for the maker of a namespace right below.
 *
 * Global functions, as this one, are verified once, not for every way that leads to them. */
__noinline u32 relation_to(u32 own)
{
	struct scratch *room = scratch(FOR_CHECK);

	if (!room)
		return NS_OUTER;
	struct user_namespace *ns = room->target, *holder = room->holder;
	u32 inside = BPF_CORE_READ(holder, ns.inum) == own ? NS_OWN :
		     is_within(holder, own) ? NS_INNER : NS_OUTER;

	for (u32 i = 0; i < 34; i++) {
		if (!ns)
			break;
		if (ns == holder)
			return inside;
		struct user_namespace *parent = BPF_CORE_READ(ns, parent);

		if (parent == holder && BPF_CORE_READ(ns, owner.val) == room->euid)
			return inside == NS_OUTER ? NS_OUTER : NS_INNER;
		ns = parent;
	}
	return NS_OUTER;
}

/* Which counter a check belongs to. */
static __always_inline u32 kind_of(int capability, u32 relation, u8 flags)
{
	return (capability & 63) * 12 + relation * 4 + (flags & (GRANTED | OWN_CREDENTIALS));
}

static __always_inline void total(u32 index)
{
	u64 *count = bpf_map_lookup_elem(&totals, &index);

	if (count)
		*count += 1;
}

/* A check whose need is not settled yet: where it was made, and what for. */
static __always_inline int keep(void *ctx, const struct check *check, struct scratch *room,
				const struct process *process, u32 relation, u8 flags)
{
	struct task_struct *task = current_task();
	const struct cred *cred = check->cred;
	struct key *key = &room->key;

	if (READ_CAPS(cred, cap_bset) >> (check->cap & 63) & 1)
		flags |= IN_BOUNDING;
	if (check->opts != OPTS_UNKNOWN)
		flags |= check->opts & OPT_NOAUDIT ? AUDIT_KNOWN | NO_AUDIT : AUDIT_KNOWN;

	key->task = task_kind(task);
	key->syscall = key->task == TASK_PROGRAM ?
		syscall_of(task, room->tally.arguments, &flags) : -1;
	key->flags = flags;
	key->relation = relation;
	key->capability = check->cap;
	key->image = process->image;
	key->uid = BPF_CORE_READ(cred, euid.val);
	key->decides = 0;

	struct shape *shape = shape_of(key->syscall, flags);

	if (shape) {
		u32 decides = shape->decides - 1u;

		if (decides < 6)
			key->decides = room->tally.arguments[decides] & shape->mask;
	}
	key->stack = check->unwound ? check->stack : stack_of(ctx, task, room, check->at_entry);

	u64 now = bpf_ktime_get_ns();
	struct tally *tally = bpf_map_lookup_elem(&tallies, key);

	if (!tally) {
		struct tally *fresh = &room->tally;

		begin(fresh, now);
		if (shape)
			read_text(fresh, shape);
		if (!bpf_map_update_elem(&tallies, key, fresh, BPF_NOEXIST)) {
			__sync_fetch_and_add(&state.kinds, 1);
			if (check->ret && key->syscall >= 0)
				__sync_fetch_and_add(&state.refused, 1);
		}
		tally = bpf_map_lookup_elem(&tallies, key);
		if (!tally) {
			lose(&state.lost_checks);
			return 0;
		}
	}
	__sync_fetch_and_add(&tally->count, 1);
	tally->last_ns = now;
	if (check->ret && key->syscall >= 0)
		await_return(room, tally);
	return 0;
}

/* The process whose check this is, if it is the target's and counts. */
static __always_inline struct process *checked_process(void)
{
	u32 tgid = bpf_get_current_pid_tgid() >> 32;
	struct process *process = bpf_map_lookup_elem(&processes, &tgid);

	return process && process->state == COUNTS ? process : 0;
}

/* Whose sets answer, relative to the target's; adds to the flags whether they are the task's own. */
static __always_inline u32 relate(const struct check *check, const struct process *process,
				  struct scratch *room, u8 *flags)
{
	const struct cred *cred = check->cred;

	if (cred == TASK(current_task(), real_cred))
		*flags |= OWN_CREDENTIALS;
	struct user_namespace *holder = check->typed ? cred->user_ns : BPF_CORE_READ(cred, user_ns);
	u32 number = check->typed ? holder->ns.inum : BPF_CORE_READ(holder, ns.inum);

	if (holder == check->target && number == process->user_namespace)
		return NS_OWN;
	room->target = check->target;
	room->holder = holder;
	room->euid = BPF_CORE_READ(cred, euid.val);
	return relation_to(process->user_namespace);
}

static __always_inline int count(void *ctx, const struct check *check, struct scratch *room,
				 const struct process *process)
{
	u8 flags = check->ret ? 0 : GRANTED;
	u32 relation = relate(check, process, room, &flags);
	u32 kind = kind_of(check->cap, relation, flags);

	if (settled[kind & (KINDS_ROOM - 1)]) {
		total(KINDS + kind);
		return 0;
	}
	total(kind);
	return keep(ctx, check, room, process, relation, flags);
}

static __always_inline int handle(void *ctx, const struct check *check)
{
	struct process *process = checked_process();
	struct scratch *room = scratch(FOR_CHECK);

	if (!process || !room)
		return 0;
	/* Another program of ours (direct.h) was preempted here: the kernel skips only the same one. */
	if (room->busy) {
		lose(&state.lost_checks);
		return 0;
	}
	*(volatile u32 *)&room->busy = 1;
	count(ctx, check, room, process);
	*(volatile u32 *)&room->busy = 0;
	return 0;
}
