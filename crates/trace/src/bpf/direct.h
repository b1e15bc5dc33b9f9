/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* The checks that security/commoncap.c makes without a call: the compiler puts a copy of cap_capable()
 * into four functions beside it (before the tracepoint of 6.14 made it too large for that), where no
 * probe of cap_capable() sees it. There the question is seen at the function's entry, and answered as
 * cap_capable() does: about its own user namespace a task's effective set answers, about the initial
 * one that of a task in it; nobody else owns that.
 *
 * Attached only where a trial shows that the check is not seen otherwise (direct.rs). */
#pragma once

/* include/uapi/linux/capability.h */
#define CAP_SETPCAP 8
#define CAP_SYS_RAWIO 17
#define CAP_SYS_ADMIN 21
/* include/uapi/linux/prctl.h */
#define PR_SET_SECUREBITS 28
/* include/uapi/linux/securebits.h: the bits, and those that lock them. */
#define SECURE_ALL_BITS 0x55UL
#define SECURE_ALL_LOCKS 0xaaUL

/* The options are known if this kernel calls the fourth argument so (kernels before 5.1 had another). */
static __always_inline int known_opts(unsigned int opts)
{
	return config.opts_known ? (int)opts : OPTS_UNKNOWN;
}

static __always_inline int ask_directly(void *ctx, bool at_entry, int cap, bool initial,
					unsigned int opts)
{
	if (!checked_process())
		return 0;
	const struct cred *cred = TASK(current_task(), cred);
	struct user_namespace *holder = BPF_CORE_READ(cred, user_ns);
	bool answers = !initial || !BPF_CORE_READ(holder, parent);
	struct check check = {
		.at_entry = at_entry,
		.cred = cred,
		/* None: no set of this task's answers. */
		.target = answers ? holder : 0,
		.cap = cap,
		.ret = answers && READ_CAPS(cred, cap_effective) >> cap & 1 ? 0 : -EPERM,
		.opts = known_opts(opts),
	};

	return handle(ctx, &check);
}

/* cap_inh_is_capped() asks before anything else in cap_capset(). */
static __always_inline int on_capset(void *ctx, bool at_entry)
{
	return ask_directly(ctx, at_entry, CAP_SETPCAP, false, 0);
}

/* cap_task_prctl() asks last, if no lock and no unknown bit refuses already. */
static __always_inline int on_prctl(void *ctx, bool at_entry, int option, u64 bits)
{
	if (option != PR_SET_SECUREBITS || !checked_process())
		return 0;
	const struct cred *cred = TASK(current_task(), cred);
	u64 old = BPF_CORE_READ(cred, securebits);

	if ((old & SECURE_ALL_LOCKS) >> 1 & (old ^ bits) || old & SECURE_ALL_LOCKS & ~bits ||
	    bits & ~(SECURE_ALL_LOCKS | SECURE_ALL_BITS))
		return 0;
	return ask_directly(ctx, at_entry, CAP_SETPCAP, false, 0);
}

/* cap_mmap_addr() asks for addresses below vm.mmap_min_addr. */
static __always_inline int on_mmap_addr(void *ctx, bool at_entry, u64 address)
{
	return address < config.mmap_min_addr ? ask_directly(ctx, at_entry, CAP_SYS_RAWIO, true, 0) : 0;
}

/* cap_vm_enough_memory() always asks. */
static __always_inline int on_memory(void *ctx, bool at_entry)
{
	return ask_directly(ctx, at_entry, CAP_SYS_ADMIN, true, OPT_NOAUDIT);
}
