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
#include "processes.h"

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
	return on_capset(ctx, false);
}

SEC("fentry/cap_task_prctl")
int BPF_PROG(prctl_fentry, int option, unsigned long bits)
{
	return on_prctl(ctx, false, option, bits);
}

SEC("fentry/cap_mmap_addr")
int BPF_PROG(mmap_addr_fentry, unsigned long address)
{
	return on_mmap_addr(ctx, false, address);
}

SEC("fentry/cap_vm_enough_memory")
int BPF_PROG(memory_fentry)
{
	return on_memory(ctx, false);
}

SEC("kprobe/cap_capset")
int capset_kprobe(struct pt_regs *regs)
{
	return on_capset(regs, true);
}

SEC("kprobe/cap_task_prctl")
int prctl_kprobe(struct pt_regs *regs)
{
	return on_prctl(regs, true, PARAMETER_1(regs), PARAMETER_2(regs));
}

SEC("kprobe/cap_mmap_addr")
int mmap_addr_kprobe(struct pt_regs *regs)
{
	return on_mmap_addr(regs, true, PARAMETER_1(regs));
}

SEC("kprobe/cap_vm_enough_memory")
int memory_kprobe(struct pt_regs *regs)
{
	return on_memory(regs, true);
}

/* ---- The target's processes. Raw tracepoints: their arguments are the same on every kernel from
 * 5.10 on, and nothing but the check itself gains from more. Where the kernel may preempt their
 * programs (processes.h), the same by perf's tracepoints. */

SEC("raw_tp/sched_process_fork")
int BPF_PROG(on_fork, struct task_struct *parent, struct task_struct *child)
{
	u32 pid = BPF_CORE_READ(child, pid), tgid = BPF_CORE_READ(child, tgid);

	note_preemption();
	return forked(BPF_CORE_READ(parent, tgid), pid, pid != tgid);
}

SEC("raw_tp/sched_process_exec")
int BPF_PROG(on_exec, struct task_struct *task, int old_pid, struct linux_binprm *binprm)
{
	return executed(task, BPF_CORE_READ(binprm, file));
}

SEC("raw_tp/sched_process_exit")
int BPF_PROG(on_exit, struct task_struct *task)
{
	return exited(task);
}

SEC("tp/task/task_newtask")
int on_fork_perf(struct trace_event_raw_task_newtask *event)
{
	return forked(bpf_get_current_pid_tgid() >> 32, event->pid, event->clone_flags & CLONE_THREAD);
}

SEC("tp/sched/sched_process_exec")
int on_exec_perf(void *event)
{
	struct task_struct *task = current_task();

	return executed(task, BPF_CORE_READ(task, mm, exe_file));
}

SEC("tp/sched/sched_process_exit")
int on_exit_perf(void *event)
{
	return exited(current_task());
}

/* ---- What calls return. Attached only while there are refused calls to learn about, or failures
 * to be recorded: with any program here, every system call of the machine takes the kernel's slow
 * path. */

SEC("raw_tp/sys_exit")
int BPF_PROG(on_return, struct pt_regs *regs, long result)
{
	return returned(result);
}

SEC("tp/raw_syscalls/sys_exit")
int on_return_perf(struct trace_event_raw_sys_exit *event)
{
	return returned(event->ret);
}
