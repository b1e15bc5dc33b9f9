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
};

/* How the user namespace in the scratch room is related to the target's own. User namespaces nest 33 deep at most
 * (create_user_ns() refuses a level above 32). Global functions, as this one, are
 * verified once, not for every way that leads to them. */
__noinline u32 relation_to(u32 own)
{
	struct scratch *room = scratch(0);
	struct user_namespace *ns = room ? room->target : 0;

	for (u32 i = 0; i < 34; i++) {
		if (!ns)
			break;
		if (BPF_CORE_READ(ns, ns.inum) == own)
			return i ? NS_INNER : NS_OWN;
		ns = BPF_CORE_READ(ns, parent);
	}
	return NS_OUTER;
}

static __always_inline void total(const struct key *key)
{
	u32 index = (key->capability & 63) * 12 + key->relation * 4 + (key->flags & (GRANTED | OWN_CREDENTIALS));
	u64 *count = bpf_map_lookup_elem(&totals, &index);

	if (count)
		__sync_fetch_and_add(count, 1);
}

/* Remembers the stack in the scratch room, and returns its number; 0 if there is no room for it.
 *
 * The kernel names its own functions: no /proc/kallsyms to read, none hidden by kptr_restrict. */
__noinline u64 remember_stack(u32 depth)
{
	static const char format[] = "%ps";
	struct scratch *room = scratch(0);
	u64 hash = depth;

	if (!room)
		return 0;
	for (u32 i = 0; i < STACK_DEPTH; i++) {
		if (i >= depth)
			break;
		hash = (hash ^ room->stack.frames[i]) * 0x9e3779b97f4a7c15ULL;
		hash ^= hash >> 32;
	}
	hash = hash ?: 1;
	if (bpf_map_lookup_elem(&stacks, &hash))
		return hash;
	room->stack.depth = depth;
	long error = bpf_map_update_elem(&stacks, &hash, &room->stack, BPF_NOEXIST);

	if (error && error != -EEXIST)
		return 0;
	for (u32 i = 0; i < STACK_DEPTH; i++) {
		/* Read again: the verifier need not follow each way out of the loop above apart. */
		if (i >= *(volatile u64 *)&room->stack.depth)
			break;
		u64 address = room->stack.frames[i];

		if (bpf_map_lookup_elem(&symbols, &address))
			continue;
		/* A return address may lie behind the end of a function that does not return. */
		u64 call = address - 1;

		bpf_snprintf(room->symbol.name, NAME_SIZE, format, &call, sizeof(call));
		bpf_map_update_elem(&symbols, &address, &room->symbol, BPF_ANY);
	}
	return hash;
}

/* The kernel stack as a number; 0 if it is lost. */
static __always_inline u64 stack_of(void *ctx, struct scratch *room)
{
	long size = bpf_get_stack(ctx, room->stack.frames, sizeof(room->stack.frames), 0);
	u64 number = size > 0 ? remember_stack(size / 8) : 0;

	if (!number)
		lose(&state.lost_stacks);
	return number;
}

/* The system call the task is in, with its arguments; -1 for none. */
static __always_inline s32 syscall_of(struct task_struct *task, u64 *arguments, u8 *flags)
{
	if (BPF_CORE_READ(task, flags) & (PF_KTHREAD | PF_IO_WORKER | PF_USER_WORKER))
		return -1;
	struct pt_regs *regs = (void *)bpf_task_pt_regs(task);
	s32 number = regs->orig_ax;

	/* An exception or an interrupt stores a negative number here. */
	if (number < 0)
		return -1;
	if (BPF_CORE_READ(task, thread_info.status) & TS_COMPAT) {
		*flags |= COMPAT;
		arguments[0] = regs->bx, arguments[1] = regs->cx, arguments[2] = regs->dx;
		arguments[3] = regs->si, arguments[4] = regs->di, arguments[5] = regs->bp;
	} else {
		arguments[0] = regs->di, arguments[1] = regs->si, arguments[2] = regs->dx;
		arguments[3] = regs->r10, arguments[4] = regs->r8, arguments[5] = regs->r9;
	}
	return number;
}

/* Which arguments matter; none for a number beyond the tables. */
static __always_inline struct shape *shape_of(s32 number, u8 flags)
{
	u32 index = flags & COMPAT ? SYSCALLS + number : number;

	return number < 0 || number >= SYSCALLS ? 0 : bpf_map_lookup_elem(&shapes, &index);
}

/* The path or the socket address given, as far as it can be read without waiting for its page. */
static __always_inline void read_text(struct tally *tally, const struct shape *shape)
{
	u32 path = shape->path - 1u, address = shape->address - 1u, length = shape->address_size - 1u;
	long size;

	if (path < 6) {
		size = bpf_probe_read_user_str(tally->text, TEXT_SIZE, (void *)tally->arguments[path]);
		if (size > 0) {
			tally->text_kind = TEXT_PATH;
			tally->text_size = size - 1;
		}
	} else if (address < 6 && length < 6) {
		u64 given = tally->arguments[length];

		if (!tally->arguments[address])
			return;
		if (given > TEXT_SIZE)
			given = TEXT_SIZE;
		if (!bpf_probe_read_user(tally->text, given, (void *)tally->arguments[address])) {
			tally->text_kind = TEXT_ADDRESS;
			tally->text_size = given;
		}
	}
}

/* Remembers to look at what the call returns. */
static __always_inline void await_return(struct scratch *room, struct tally *tally)
{
	if (!config.results || tally->returns >= RETURNS || (tally->returns && tally->result < 0))
		return;
	u32 tid = bpf_get_current_pid_tgid();

	if (tally->waits == tid)
		return; /* an earlier check of the same call */
	tally->waits = tid;
	struct pending *known = bpf_map_lookup_elem(&pendings, &tid);

	if (!known) {
		room->pending.count = 1;
		room->pending.keys[0] = room->key;
		if (bpf_map_update_elem(&pendings, &tid, &room->pending, BPF_NOEXIST))
			lose(&state.lost_evidence);
		else
			__sync_fetch_and_add(&state.pending, 1);
		return;
	}
	u32 at = known->count;

	if (at >= PENDING) {
		lose(&state.lost_evidence);
		return;
	}
	known->keys[at] = room->key;
	known->count = at + 1;
}

static __always_inline int handle(void *ctx, const struct check *check)
{
	u32 tgid = bpf_get_current_pid_tgid() >> 32;
	struct process *process = bpf_map_lookup_elem(&processes, &tgid);

	if (!process || process->state != COUNTS)
		return 0;
	struct scratch *room = scratch(0);

	if (!room)
		return 0;
	struct task_struct *task = bpf_get_current_task_btf();
	const struct cred *cred = check->cred;
	struct key *key = &room->key;
	u64 bounding = 0;
	u8 flags = check->ret ? 0 : GRANTED;

	if (cred == BPF_CORE_READ(task, real_cred))
		flags |= OWN_CREDENTIALS;
	/* Two 32-bit halves before 6.3, one number after: the same bits on a little-endian machine. */
	bpf_probe_read_kernel(&bounding, sizeof(bounding),
			      (void *)cred + bpf_core_field_offset(struct cred, cap_bset));
	if (bounding >> (check->cap & 63) & 1)
		flags |= IN_BOUNDING;
	if (check->opts != OPTS_UNKNOWN)
		flags |= check->opts & OPT_NOAUDIT ? AUDIT_KNOWN | NO_AUDIT : AUDIT_KNOWN;

	key->syscall = syscall_of(task, room->tally.arguments, &flags);
	key->flags = flags;
	room->target = check->target;
	key->relation = relation_to(config.user_namespace ?: state.user_namespace);
	key->capability = check->cap;
	key->image = process->image;
	key->uid = BPF_CORE_READ(cred, euid.val);
	key->decides = 0;
	total(key);

	struct shape *shape = shape_of(key->syscall, flags);

	if (shape) {
		u32 decides = shape->decides - 1u;

		if (decides < 6)
			key->decides = room->tally.arguments[decides] & shape->mask;
	}
	key->stack = stack_of(ctx, room);

	u64 now = bpf_ktime_get_ns();
	struct tally *tally = bpf_map_lookup_elem(&tallies, key);

	if (!tally) {
		struct tally *fresh = &room->tally;

		fresh->count = 0;
		fresh->first_ns = now;
		fresh->result = 0;
		fresh->returns = 0;
		fresh->text_kind = TEXT_NONE;
		fresh->text_size = 0;
		fresh->waits = 0;
		if (shape)
			read_text(fresh, shape);
		if (!bpf_map_update_elem(&tallies, key, fresh, BPF_NOEXIST) && check->ret && key->syscall >= 0)
			__sync_fetch_and_add(&state.refused, 1);
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
