/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* Kernel stacks known again without unwinding them, which is two thirds of what a check costs.
 *
 * The context of these programs lies on the kernel stack, so the words above it can be copied.
 * After a stack was unwound, all places among them that hold one of its return addresses are
 * remembered. Where all these places hold the same words again, it is the same stack: unwinding
 * depends on nothing but the instruction pointer, the stack pointer and the words in the slots of
 * the return addresses. The true slots are among the places; from the innermost on, the same word
 * in a slot gives the same function, whose frame has the same size, and so the next slot.
 *
 * Words that were left there by an earlier call are places too at first. When the same stack is
 * unwound again, the places that do not hold any more are dropped; a true one always holds. One
 * slot does move: the outermost, above the random offset that do_syscall_64() adds
 * (CONFIG_RANDOMIZE_KSTACK_OFFSET). The caller there is always the same, and it may drop out. A
 * stack of which any other frame has no place is not remembered, and unwound each time.
 *
 * Each CPU remembers for itself: nothing here is written by two at a time. */
#pragma once

#ifndef barrier_var
/* Makes the compiler forget what it knows of a variable, and check its bounds where they are used. */
#define barrier_var(var) asm volatile("" : "+r"(var))
#endif

#define WORDS 512
#define SETS 64
#define WAYS 8
#define PLACES 24
/* Frames at the inner end that may lie below the context: the tracer's own. */
#define OWN_FRAMES 3

struct place {
	u64 word;
	u32 at;
	/* The frames whose return address it is, a bit for each: a function may be there twice. */
	u32 frames;
};

struct remembered {
	/* Of the stack; 0: none. */
	u64 number;
	/* Places, and the number of words up to the last. */
	u32 places;
	u32 reach;
	struct place place[PLACES];
};

/* Stacks of one kind of check. */
struct kind_of_stacks {
	u64 hint;
	u32 reach;
	u32 next;
	struct remembered way[WAYS];
};

struct words {
	u64 at[WORDS];
	u32 count;
	u32 places;
	u32 reach;
	/* The frames whose return address one word is. */
	u32 frames;
	/* Frames that have a place. */
	u64 covered;
};

MAP(PERCPU_ARRAY, SETS, u32, struct kind_of_stacks) memory SEC(".maps");
MAP(PERCPU_ARRAY, 1, u32, struct words) the_words SEC(".maps");

static __always_inline struct words *words_of(void)
{
	u32 zero = 0;

	return bpf_map_lookup_elem(&the_words, &zero);
}

/* Whether the words hold this stack. */
__noinline u32 holds(u32 set, u32 way)
{
	struct kind_of_stacks *kind = bpf_map_lookup_elem(&memory, &set);
	struct words *words = words_of();

	if (!kind || !words)
		return 0;
	barrier_var(way);
	struct remembered *known = &kind->way[way & (WAYS - 1)];
	u32 places = known->places;

	if (!places || known->reach > words->count)
		return 0;
	for (u32 i = 0; i < PLACES; i++) {
		if (i >= places)
			break;
		if (words->at[known->place[i].at & (WORDS - 1)] != known->place[i].word)
			return 0;
	}
	return 1;
}

/* The frames of the stack in the scratch room whose return address a word is, a bit for each. */
__noinline u32 frames_of(u64 word)
{
	struct scratch *room = scratch(FOR_CHECK);
	struct words *words = words_of();

	if (!room || !words)
		return 0;
	volatile u32 *frames = &words->frames;

	*frames = 0;
	for (u32 i = 1; i < STACK_DEPTH; i++) {
		if (i < room->stack.depth && word == room->stack.frames[i])
			*frames |= 1 << i;
	}
	return *frames;
}

/* Remembers a word if it is a return address; 0 if there are more of them than places. */
__noinline u32 take(u32 set, u32 way, u32 at)
{
	struct kind_of_stacks *kind = bpf_map_lookup_elem(&memory, &set);
	struct words *words = words_of();

	if (!kind || !words)
		return 0;
	barrier_var(way);
	struct remembered *known = &kind->way[way & (WAYS - 1)];
	u64 word = words->at[at & (WORDS - 1)];
	u32 to = words->places, frames = frames_of(word);

	if (!frames)
		return 1;
	/* Checked in the register that it is used in: before 6.3 the verifier does not know that one
	 * read back from the stack has the bounds of the other. */
	barrier_var(to);
	if (to >= PLACES)
		return 0;
	known->place[to].word = word;
	known->place[to].at = at;
	known->place[to].frames = frames;
	words->places = to + 1;
	words->covered |= frames;
	words->reach = at + 1;
	return 1;
}

/* Finds all places of the stack in the scratch room among the words. */
__noinline u32 find_places(u32 set, u32 way)
{
	struct words *words = words_of();

	if (!words)
		return 0;
	volatile u32 *count = &words->count;

	for (u32 at = 0; at < WORDS; at++) {
		if (at >= *count)
			break;
		if (!take(set, way, at))
			return 0;
	}
	return 1;
}

/* Drops the places that hold no more. */
__noinline u32 drop_places(u32 set, u32 way)
{
	struct kind_of_stacks *kind = bpf_map_lookup_elem(&memory, &set);
	struct words *words = words_of();

	if (!kind || !words)
		return 0;
	barrier_var(way);
	struct remembered *known = &kind->way[way & (WAYS - 1)];
	volatile u32 *places = &words->places;

	for (u32 i = 0; i < PLACES; i++) {
		if (i >= *(volatile u32 *)&known->places)
			break;
		struct place place = known->place[i];
		u32 to = *places;

		if (place.at >= words->count || words->at[place.at & (WORDS - 1)] != place.word)
			continue;
		barrier_var(to);
		if (to >= PLACES)
			break;
		known->place[to] = place;
		*places = to + 1;
		words->reach = place.at + 1;
		words->covered |= place.frames;
	}
	return 1;
}

/* Learns where the return addresses of the stack in the scratch room lie, or learns it better.
 * Counters live in a map: in registers the verifier would follow each of their values. */
__noinline u32 learn(u32 set, u64 number)
{
	struct kind_of_stacks *kind = bpf_map_lookup_elem(&memory, &set);
	struct words *words = words_of();
	struct scratch *room = scratch(FOR_CHECK);

	if (!kind || !words || !room)
		return 0;
	u32 way = WAYS;

	for (u32 i = 0; i < WAYS; i++) {
		if (kind->way[i].number == number)
			way = i;
	}
	bool fresh = way == WAYS;

	if (fresh)
		way = kind->next++;
	barrier_var(way);
	way &= WAYS - 1;
	struct remembered *known = &kind->way[way];

	if (fresh) {
		known->number = number;
		known->places = 0;
	}
	words->places = 0;
	words->reach = 0;
	words->covered = 0;
	u32 found = known->places ? drop_places(set, way) : find_places(set, way);
	u32 depth = room->stack.depth;
	/* Every frame but the tracer's own and the outermost. */
	u64 wanted = ((1ULL << ((depth - 1) & 63)) - 1) & ~((1ULL << OWN_FRAMES) - 1);

	/* A stack that was cut has more frames than are known here. */
	if (!found || depth >= STACK_DEPTH || depth < OWN_FRAMES + 2 || (words->covered & wanted) != wanted) {
		known->places = 0;
		return 0;
	}
	known->reach = words->reach;
	known->places = words->places;
	if (kind->reach < words->reach)
		kind->reach = words->reach;
	return 1;
}

/* Copies up to so many words of the stack above the context. */
static __always_inline void copy_words(struct words *words, void *ctx, u32 count)
{
	u64 size = (u64)count * 8;

	barrier_var(size);
	if (size > sizeof(words->at))
		size = sizeof(words->at);
	words->count = bpf_probe_read_kernel(words->at, size, ctx) ? 0 : count;
}
