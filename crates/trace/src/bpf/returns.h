/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* What system calls return: those with a refused check, those that failed, those that asked a
 * process outside of the target. */
#pragma once

/* What a call answers that fails for want of a capability. */
static __always_inline bool is_permission(long result)
{
	return result == -EPERM || result == -EACCES;
}

static __always_inline bool is_same_key(const struct key *one, const struct key *other)
{
	const u64 *a = (void *)one, *b = (void *)other;
	u64 difference = 0;

	for (u32 i = 0; i < sizeof(*one) / sizeof(*a); i++)
		difference |= a[i] ^ b[i];
	return !difference;
}

/* Remembers to look at what the call returns. */
static __always_inline void await_return(struct scratch *room, struct tally *tally)
{
	if (!config.results || tally->returns >= RETURNS || is_permission(tally->result))
		return;
	u32 tid = bpf_get_current_pid_tgid();
	struct pending *known = bpf_map_lookup_elem(&pendings, &tid);

	if (!known) {
		room->pending.count = 1;
		room->pending.keys[0] = room->key;
		if (bpf_map_update_elem(&pendings, &tid, &room->pending, BPF_NOEXIST))
			lose(&state.lost_evidence);
		else
			__sync_fetch_and_add(&open_calls, 1);
		return;
	}
	u32 at = known->count;

	for (u32 i = 0; i < PENDING; i++) {
		if (i < at && is_same_key(&known->keys[i], &room->key))
			return; /* an earlier check of the same call */
	}
	if (at >= PENDING) {
		lose(&state.lost_evidence);
		return;
	}
	known->keys[at] = room->key;
	known->count = at + 1;
}

/* A signal interrupted it: the call is made again. */
static __always_inline bool is_restart(long result)
{
	return result <= -ERESTARTSYS && result >= -ERESTART_RESTARTBLOCK;
}

/* Tells the refused checks of this thread's call what came of it. */
static __always_inline void answer(long result)
{
	u32 tid = bpf_get_current_pid_tgid();
	struct pending *pending = bpf_map_lookup_elem(&pendings, &tid);

	if (!pending)
		return;
	for (u32 i = 0; i < PENDING; i++) {
		if (i >= pending->count)
			break;
		struct tally *tally = bpf_map_lookup_elem(&tallies, &pending->keys[i]);

		if (!tally)
			continue;
		if (is_restart(result))
			continue;
		/* The first return; a failure rather than none, and rather than any other one that
		 * tells of permission, if they are among the first returns. */
		if (!tally->returns || (result < 0 && tally->result >= 0) ||
		    (is_permission(result) && !is_permission(tally->result)))
			tally->result = result;
		__sync_fetch_and_add(&tally->returns, 1);
	}
	if (!bpf_map_delete_elem(&pendings, &tid))
		__sync_fetch_and_add(&open_calls, -1);
}

/* The text of a tally as a number. */
static __always_inline u64 text_number(const struct tally *tally)
{
	u64 hash = 0xcbf29ce484222325ULL;

	for (u32 i = 0; i < TEXT_SIZE; i++) {
		if (i >= tally->text_size)
			break;
		hash = (hash ^ (u8)tally->text[i]) * 0x100000001b3ULL;
	}
	return hash;
}

/* The process that listens at the other end of a connected socket (SO_PEERCRED): its ID on the
 * node, 0 if the kernel does not say. */
static __always_inline u32 peer_of(struct task_struct *task, u32 descriptor)
{
	struct fdtable *table = BPF_CORE_READ(task, files, fdt);
	struct file **slot = BPF_CORE_READ(table, fd);
	struct file *file = 0;

	if (descriptor >= BPF_CORE_READ(table, max_fds) ||
	    bpf_probe_read_kernel(&file, sizeof(file), slot + descriptor) || !file)
		return 0;
	struct socket *socket = BPF_CORE_READ(file, private_data);
	struct pid *peer = BPF_CORE_READ(socket, sk, sk_peer_pid);

	return peer ? BPF_CORE_READ(peer, numbers[0].nr) : 0;
}

/* Counts the call in the scratch room in a map of calls. */
static __always_inline void count_call(void *map, struct scratch *room, u64 now)
{
	struct tally *known = bpf_map_lookup_elem(map, &room->call_key);

	if (!known)
		known = insert(map, &room->call_key, &room->tally);
	if (!known) {
		lose(&state.lost_evidence);
		return;
	}
	__sync_fetch_and_add(&known->count, 1);
	known->last_ns = now;
}

/* Whether the address is that of a local socket, not the empty one that disconnects. */
static __always_inline bool is_local(const struct tally *tally)
{
	return tally->text_kind == TEXT_ADDRESS && tally->text_size > 2 &&
	       tally->text[0] == AF_UNIX && tally->text[1] == 0;
}

/* Looks at a call that failed, or that asked somebody, if it is the target's. Every system call of
 * the machine comes by here: what most of them are not is asked first. */
static __always_inline void look(long result)
{
	bool failed = result < 0 && result >= -MAX_ERRNO && !is_restart(result) && result != -EINPROGRESS;

	if (failed && !config.failures)
		return;
	struct scratch *room = scratch(FOR_RETURN);
	struct task_struct *task = current_task();

	if (!room || task_kind(task) != TASK_PROGRAM)
		return;
	struct tally *tally = &room->tally;
	struct call_key *key = &room->call_key;
	u8 flags = 0;

	key->syscall = syscall_of(task, tally->arguments, &flags);
	struct shape *shape = shape_of(key->syscall, flags);
	u32 habits = shape ? shape->flags : 0;

	if (key->syscall < 0 || (!failed && !(habits & SHAPE_ASKS)))
		return;
	if (result == -EAGAIN && !(habits & SHAPE_LIMITED))
		return;
	u32 tgid = bpf_get_current_pid_tgid() >> 32;
	struct process *process = bpf_map_lookup_elem(&processes, &tgid);

	if (!process || process->state != COUNTS)
		return;
	u64 now = bpf_ktime_get_ns();

	begin(tally, now);
	if (shape)
		read_text(tally, shape);
	key->image = process->image;
	key->flags = flags;
	key->unused = 0;
	key->text = text_number(tally);
	if (failed) {
		key->result = tally->result = result;
		count_call(&failures, room, now);
		return;
	}
	if (!is_local(tally))
		return;
	u32 peer = peer_of(task, tally->arguments[0]);

	if (peer && (bpf_map_lookup_elem(&processes, &peer) || bpf_map_lookup_elem(&ended, &peer)))
		return; /* one of the target's own */
	key->result = tally->result = peer;
	count_call(&helpers, room, now);
}
