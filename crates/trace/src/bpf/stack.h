/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* Kernel stacks, each kept once, and the names of the functions in them. */
#pragma once

/* THREAD_SIZE on x86_64 with KASAN; 16 KiB without. */
#define MAX_STACK 32768

/* Whether the stack that is kept under this number is the one in the scratch room. */
static __always_inline bool is_same(const struct stack *kept, const struct stack *seen, u32 depth)
{
	u64 difference = kept->depth ^ depth;

	for (u32 i = 0; i < STACK_DEPTH; i++) {
		if (i >= depth)
			break;
		difference |= kept->frames[i] ^ seen->frames[i];
	}
	return !difference;
}

/* Remembers the names of the functions in the stack in the scratch room.
 *
 * The kernel names its own functions: no /proc/kallsyms to read, none hidden by kptr_restrict; only
 * before 5.13 user space has to. */
static __always_inline void name_frames(struct scratch *room)
{
	static const char format[] = "%ps";

	for (u32 i = 0; i < STACK_DEPTH; i++) {
		/* Read again: the verifier need not follow each way out of the loop before apart. */
		if (i >= *(volatile u64 *)&room->stack.depth)
			break;
		u64 address = room->stack.frames[i];

		if (bpf_map_lookup_elem(&symbols, &address))
			continue;
		/* A return address may lie behind the end of a function that does not return. */
		u64 call = address - 1;

		/* If nothing is written, user space will name it. */
		room->symbol.name[0] = 0;
		if (has_helper(snprintf))
			bpf_snprintf(room->symbol.name, NAME_SIZE, format, &call, sizeof(call));
		/* A stack with a frame that has no name is counted as lost, once it is read. An entry is not
		 * replaced by another CPU's: for a moment, neither would be found. */
		bpf_map_update_elem(&symbols, &address, &room->symbol, BPF_NOEXIST);
	}
}

/* Remembers the stack in the scratch room, and returns its number; 0 if there is no room for it,
 * or another stack has that number already. */
__noinline u64 remember_stack(u32 depth)
{
	struct scratch *room = scratch(FOR_CHECK);
	u64 hash = depth;

	if (!room)
		return 0;
	for (u32 i = 0; i < STACK_DEPTH; i++) {
		if (i >= depth)
			break;
		hash = (hash ^ room->stack.frames[i]) * 0x9e3779b97f4a7c15ULL;
		hash ^= hash >> 32;
	}
	hash &= ~config.stack_mask;
	hash = hash ?: 1;
	struct stack *known = bpf_map_lookup_elem(&stacks, &hash);

	if (!known) {
		room->stack.depth = depth;
		/* Names come first: whoever finds the stack, here or in user space, finds them too. */
		name_frames(room);
		known = insert(&stacks, &hash, &room->stack);
	}
	return known && is_same(known, &room->stack, depth) ? hash : 0;
}

/* Unwinds the kernel stack; its size in bytes. `at_entry`: the context is a kprobe's at a function's
 * first instruction. */
static __always_inline long unwind_into(struct stack *stack, void *ctx, bool at_entry)
{
#ifdef LINK_REGISTER
	/* The caller is not on the stack yet and would be missed; and this function's own address is made
	 * like a return address, which lies behind an instruction of it. */
	if (at_entry) {
		long size = bpf_get_stack(ctx, &stack->frames[1], sizeof(stack->frames) - sizeof(u64), 0);

		if (size <= 0)
			return size;
		stack->frames[0] = stack->frames[1] + 4;
		stack->frames[1] = LINK_REGISTER((struct pt_regs *)ctx);
		return size + sizeof(u64);
	}
#endif
	return bpf_get_stack(ctx, stack->frames, sizeof(stack->frames), 0);
}

/* Unwinds the kernel stack and returns its number; 0 if it is lost. */
static __always_inline u64 unwind(void *ctx, struct scratch *room, bool at_entry)
{
	long size = unwind_into(&room->stack, ctx, at_entry);
	u64 number = size > 0 ? remember_stack(size / 8) : 0;

	room->stack.depth = size > 0 ? size / 8 : 0;
	__sync_fetch_and_add(&state.unwound, 1);
	if (!number)
		lose(&state.lost_stacks);
	return number;
}

/* How many words of the kernel stack lie between the context and the registers that the system
 * call saved at its top; 0 if the context is not on that stack. */
static __always_inline u32 words_above(struct task_struct *task, void *ctx, struct scratch *room)
{
	/* Written and read again, they are numbers to the verifier, which is strict about what is done
	 * with pointers. */
	volatile u64 *numbers = room->numbers;

	*(void *volatile *)&numbers[0] = registers_of(task);
	*(void *volatile *)&numbers[1] = ctx;
	u64 length = numbers[0] - numbers[1];

	return length > MAX_STACK ? 0 : length / 8;
}

/* Where stacks of this kind of check are remembered, and in which set: in one of two, so that two kinds
 * that meet in one do not make each other forgotten all the time. */
static __always_inline struct kind_of_stacks *kind_for(u64 hint, u32 *set)
{
	*set = hint >> 58;
	struct kind_of_stacks *kind = bpf_map_lookup_elem(&memory, set);

	if (!kind || !kind->hint || kind->hint == hint)
		return kind;
	u32 second = hint >> 52 & (SETS - 1);
	struct kind_of_stacks *other = bpf_map_lookup_elem(&memory, &second);

	if (!other || (other->hint && other->hint != hint))
		return kind;
	*set = second;
	return other;
}

/* The kernel stack of the check in the scratch room as a number; 0 if it is lost. */
static __always_inline u64 stack_of(void *ctx, struct task_struct *task, struct scratch *room,
				    bool at_entry)
{
	const struct key *key = &room->key;
	u32 above = words_above(task, ctx, room);
	struct words *words = words_of();
	u64 hint = (((u64)key->syscall << 32 | key->image) ^ (u64)key->capability << 24 ^
		    (u64)key->flags << 56) * 0x9e3779b97f4a7c15ULL | 1;
	u32 set;
	struct kind_of_stacks *kind = kind_for(hint, &set);

	/* All of it is looked at, or none: a frame may lie anywhere. */
	if (!above || above > WORDS || !words || !kind || !config.remember)
		return unwind(ctx, room, at_entry);
	if (kind->hint == hint && kind->reach) {
		copy_words(words, ctx, kind->reach < above ? kind->reach : above);
		for (u32 way = 0; way < WAYS; way++) {
			u64 number = kind->way[way].number;

			if (number && holds(set, way))
				return number;
		}
	} else if (kind->hint != hint) {
		kind->hint = hint;
		kind->reach = 0;
		for (u32 way = 0; way < WAYS; way++) {
			kind->way[way].number = 0;
			kind->way[way].places = 0;
		}
	}
	u64 number = unwind(ctx, room, at_entry);

	if (!number)
		return 0;
	copy_words(words, ctx, above);
	learn(set, number);
	return number;
}
