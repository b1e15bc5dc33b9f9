/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* The system call a task is in, and the arguments of it that matter. */
#pragma once

/* The task that runs. Where the verifier knows its type, its fields are read by TASK() without
 * asking a helper. */
static __always_inline struct task_struct *current_task(void)
{
	return has_helper(get_current_task_btf) ? bpf_get_current_task_btf() :
						  (struct task_struct *)bpf_get_current_task();
}

#define TASK(task, field) ({ \
	typeof((task)->field) _value; \
	if (has_helper(get_current_task_btf)) \
		_value = (task)->field; \
	else \
		_value = BPF_CORE_READ(task, field); \
	_value; \
})

/* What kind of task it is. */
static __always_inline u8 task_kind(struct task_struct *task)
{
	u32 flags = TASK(task, flags);
	/* A field of a few bits has no address; whether it is there can be told all the same. */
	u32 io_worker = bpf_core_field_exists(struct kernel_clone_args, io_thread) ? PF_IO_WORKER : 0;
	u32 user_worker = bpf_core_field_exists(struct kernel_clone_args, user_worker) ? PF_USER_WORKER : 0;

	if (!(flags & (PF_KTHREAD | io_worker | user_worker)))
		return TASK_PROGRAM;
	if (flags & PF_KTHREAD)
		return TASK_KERNEL_THREAD;
	return flags & io_worker ? TASK_IO_WORKER : TASK_USER_WORKER;
}

/* Where the registers of the system call are: at the top of the task's kernel stack. */
static __always_inline void *registers_of(struct task_struct *task)
{
	if (has_helper(task_pt_regs))
		return (void *)bpf_task_pt_regs(task);
	return BPF_CORE_READ(task, stack) + THREAD_SIZE - REGISTERS_SIZE;
}

#if defined(__TARGET_ARCH_x86)

static __always_inline s32 take_call(const struct pt_regs *regs, bool compat, u64 *arguments)
{
	s32 number = regs->orig_ax;

	/* An exception or an interrupt stores a negative number here. */
	if (number < 0)
		return -1;
	if (compat) {
		arguments[0] = regs->bx, arguments[1] = regs->cx, arguments[2] = regs->dx;
		arguments[3] = regs->si, arguments[4] = regs->di, arguments[5] = regs->bp;
	} else {
		arguments[0] = regs->di, arguments[1] = regs->si, arguments[2] = regs->dx;
		arguments[3] = regs->r10, arguments[4] = regs->r8, arguments[5] = regs->r9;
	}
	return number;
}

/* The system call of a program's task, with its arguments; -1 for none. */
static __always_inline s32 syscall_of(struct task_struct *task, u64 *arguments, u8 *flags)
{
	bool compat = TASK(task, thread_info.status) & TS_COMPAT;

	if (compat)
		*flags |= COMPAT;
	if (has_helper(task_pt_regs))
		return take_call((void *)bpf_task_pt_regs(task), compat, arguments);
	struct pt_regs regs;

	/* The stack of a kernel with KASAN is larger: then these are no registers of user space. */
	if (bpf_probe_read_kernel(&regs, sizeof(regs), registers_of(task)) || !is_user(&regs))
		return -1;
	return take_call(&regs, compat, arguments);
}

#elif defined(__TARGET_ARCH_arm64)

/* The system call of a program's task, with its arguments; -1 for none (NO_SYSCALL of
 * arch/arm64/include/asm/ptrace.h). */
static __always_inline s32 syscall_of(struct task_struct *task, u64 *arguments, u8 *flags)
{
	struct pt_regs *regs = registers_of(task);
	struct pt_regs___of_kernel *more = (void *)regs;
	u64 pstate, pc;
	s32 number;

	if (has_helper(task_pt_regs)) {
		pstate = regs->pstate;
		number = more->syscallno;
		arguments[0] = more->orig_x0, arguments[1] = regs->regs[1];
		arguments[2] = regs->regs[2], arguments[3] = regs->regs[3];
		arguments[4] = regs->regs[4], arguments[5] = regs->regs[5];
	} else {
		/* Not the whole of them: there is little room on a program's stack. */
		if (bpf_probe_read_kernel(&pstate, sizeof(pstate), &regs->pstate) ||
		    bpf_probe_read_kernel(&pc, sizeof(pc), &regs->pc) ||
		    bpf_probe_read_kernel(arguments, 6 * sizeof(*arguments), regs->regs))
			return -1;
		number = BPF_CORE_READ(more, syscallno);
		arguments[0] = BPF_CORE_READ(more, orig_x0);
		/* Where stacks are larger, these are no registers of user space. */
		if (!IS_USER(pc, pstate))
			return -1;
	}
	if (IS_COMPAT(pstate))
		*flags |= COMPAT;
	return number < 0 ? -1 : number;
}

#endif

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

/* A tally of nothing yet. Its arguments and its text stay as they are. */
static __always_inline void begin(struct tally *fresh, u64 now)
{
	fresh->count = 0;
	fresh->first_ns = now;
	fresh->result = 0;
	fresh->returns = 0;
	fresh->text_kind = TEXT_NONE;
	fresh->text_size = 0;
	fresh->unused = 0;
}
