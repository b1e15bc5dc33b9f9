/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* The kernel side of the tracer: every capability check of the target's processes, aggregated.
 *
 * Two things are kept of a check. `totals` counts it in an array that cannot be full: the set of
 * capabilities is never lost. `tallies` keeps one entry for all checks that agree in what decides
 * (struct key), with the call site and evidence; what finds no room there is counted as lost. Once
 * user space has judged a capability needed whatever else is seen, it says so in `settled`, and
 * such checks are only counted. */
#include "kernel.h"
#include <bpf/bpf_helpers.h>
#include <bpf/bpf_tracing.h>
#include <bpf/bpf_core_read.h>
#include "captrace.h"
#include "maps.h"
#include "image.h"
#include "call.h"
#include "memory.h"
#include "stack.h"
#include "returns.h"
#include "check.h"
#include "entered.h"
#include "direct.h"

/* The kernel lends its helpers to programs with a licence compatible with the GPL only. */
char LICENSE[] SEC("license") = "Dual BSD/GPL";

/* ---- The check, by each way the kernel lets it be seen. A way that knows the options of
 * cap_capable() passes them; the tracepoint does not. */

SEC("tp_btf/cap_capable")
int BPF_PROG(check_tp_btf, const struct cred *cred, struct user_namespace *target,
	     const struct user_namespace *capable, int cap, int ret)
{
	struct check check = {
		.cred = cred, .target = target, .cap = cap, .ret = ret, .opts = OPTS_UNKNOWN,
		.typed = true,
	};

	return handle(ctx, &check);
}

SEC("raw_tp/cap_capable")
int BPF_PROG(check_raw_tp, const struct cred *cred, struct user_namespace *target,
	     const struct user_namespace *capable, int cap, int ret)
{
	struct check check = { .cred = cred, .target = target, .cap = cap, .ret = ret, .opts = OPTS_UNKNOWN };

	return handle(ctx, &check);
}

SEC("fexit/cap_capable")
int BPF_PROG(check_fexit, const struct cred *cred, struct user_namespace *target, int cap,
	     unsigned int opts, int ret)
{
	struct check check = {
		.cred = cred, .target = target, .cap = cap, .ret = ret, .opts = known_opts(opts),
		.typed = true,
	};

	return handle(ctx, &check);
}

SEC("kprobe/cap_capable")
int check_kprobe(struct pt_regs *regs)
{
	struct check check = {
		.cred = (void *)PARAMETER_1(regs), .target = (void *)PARAMETER_2(regs),
		.cap = PARAMETER_3(regs), .opts = known_opts(PARAMETER_4(regs)),
	};

	return enter(regs, &check);
}

SEC("kretprobe/cap_capable")
int check_kretprobe(struct pt_regs *regs)
{
	return leave(regs, RETURNED(regs));
}

/* ---- The checks that no probe of cap_capable() sees, where there are such. */

SEC("fentry/cap_capset")
int BPF_PROG(capset_fentry)
{
	return on_capset(ctx);
}

SEC("fentry/cap_task_prctl")
int BPF_PROG(prctl_fentry, int option, unsigned long bits)
{
	return on_prctl(ctx, option, bits);
}

SEC("fentry/cap_mmap_addr")
int BPF_PROG(mmap_addr_fentry, unsigned long address)
{
	return on_mmap_addr(ctx, address);
}

SEC("kprobe/cap_capset")
int capset_kprobe(struct pt_regs *regs)
{
	return on_capset(regs);
}

SEC("kprobe/cap_task_prctl")
int prctl_kprobe(struct pt_regs *regs)
{
	return on_prctl(regs, PARAMETER_1(regs), PARAMETER_2(regs));
}

SEC("kprobe/cap_mmap_addr")
int mmap_addr_kprobe(struct pt_regs *regs)
{
	return on_mmap_addr(regs, PARAMETER_1(regs));
}

/* ---- The target's processes. Raw tracepoints: their arguments are the same on every kernel from
 * 5.10 on, and nothing but the check itself gains from more. */

SEC("raw_tp/sched_process_fork")
int BPF_PROG(on_fork, struct task_struct *parent, struct task_struct *child)
{
	u32 tgid = BPF_CORE_READ(parent, tgid);
	struct process *known = bpf_map_lookup_elem(&processes, &tgid);

	if (!known) {
		/* Should an exit ever have been missed, its number is nobody's of ours any more. */
		tgid = BPF_CORE_READ(child, tgid);
		if (tgid == BPF_CORE_READ(child, pid)) {
			bpf_map_delete_elem(&processes, &tgid);
			bpf_map_delete_elem(&ended, &tgid);
		}
		return 0;
	}
	tgid = BPF_CORE_READ(child, tgid);
	if (tgid != BPF_CORE_READ(child, pid))
		return 0; /* a thread */
	struct process process = *known;

	process.forked = 1;
	if (bpf_map_update_elem(&processes, &tgid, &process, BPF_ANY))
		lose(&state.lost_processes);
	return 0;
}

SEC("raw_tp/sched_process_exec")
int BPF_PROG(on_exec, struct task_struct *task, int old_pid, struct linux_binprm *binprm)
{
	u32 tgid = bpf_get_current_pid_tgid() >> 32;
	struct process *known = bpf_map_lookup_elem(&processes, &tgid);

	if (!known && !enters(task, binprm))
		return 0;
	struct process process = { .state = COUNTS };

	/* What waited for this execve was the launcher's, not the target's. */
	bool goes_on = known && known->state == COUNTS;

	if (goes_on && enters_anew(task, known)) {
		u32 image = known->image;

		bpf_map_update_elem(&runtimes, &image, &tgid, BPF_ANY);
		goes_on = false;
	}
	process.user_namespace = goes_on ? known->user_namespace : config.user_namespace;
	if (!process.user_namespace)
		process.user_namespace = BPF_CORE_READ(task, real_cred, user_ns, ns.inum);
	process.cgroup = goes_on ? known->cgroup : bpf_get_current_cgroup_id();
	process.mount_namespace = goes_on ? known->mount_namespace : mount_namespace_of(task);
	process.level = goes_on ? known->level : level_of(task);
	identify(task, binprm, goes_on ? known->file : 0, &process);
	if (bpf_map_update_elem(&processes, &tgid, &process, BPF_ANY)) {
		lose(&state.lost_processes);
		return 0;
	}
	if (!state.started_ns) {
		state.started_ns = bpf_ktime_get_ns();
		state.first_process = tgid;
	}
	return 0;
}

SEC("raw_tp/sched_process_exit")
int BPF_PROG(on_exit, struct task_struct *task)
{
	u64 id = bpf_get_current_pid_tgid();
	u32 tgid = id >> 32;
	u32 tid = id;

	struct process *known = bpf_map_lookup_elem(&processes, &tgid);

	if (!known)
		return 0;
	if (state.pending && !bpf_map_delete_elem(&pendings, &tid))
		__sync_fetch_and_add(&state.pending, -1);
	/* do_exit() has counted this thread out already. */
	struct signal_struct *signal = BPF_CORE_READ(task, signal);

	if (BPF_CORE_READ(signal, live.counter) != 0)
		return 0;
	/* As wait_task_zombie() answers wait4(2). */
	struct exit exit = {
		.ended_ns = bpf_ktime_get_ns(),
		.code = BPF_CORE_READ(signal, flags) & SIGNAL_GROUP_EXIT ?
			BPF_CORE_READ(signal, group_exit_code) :
			BPF_CORE_READ(task, group_leader, exit_code),
		.forked = known->forked,
	};
	u32 image = known->image;
	struct exit *earlier = bpf_map_lookup_elem(&exits, &image);

	if (!earlier || exit.forked < earlier->forked ||
	    (exit.forked == earlier->forked && (exit.code || !earlier->code)))
		bpf_map_update_elem(&exits, &image, &exit, BPF_ANY);
	bpf_map_delete_elem(&processes, &tgid);
	bpf_map_update_elem(&ended, &tgid, &tid, BPF_ANY);
	if (tgid == (config.first_process ?: state.first_process) && !state.ended_ns) {
		state.exit_code = exit.code;
		state.ended_ns = exit.ended_ns;
	}
	return 0;
}

/* ---- What calls return. Attached only while there are refused calls to learn about, or failures
 * to be recorded: with any program here, every system call of the machine takes the kernel's slow
 * path. */

SEC("raw_tp/sys_exit")
int BPF_PROG(on_return, struct pt_regs *regs, long result)
{
	if (state.pending)
		answer(result);
	look(result);
	return 0;
}
