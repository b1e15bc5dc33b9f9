/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* The target's processes: a fork, an execve, an end.
 *
 * On 7.2, not on 6.18, the kernel may preempt the program of a raw tracepoint, where it preempts kernel
 * code at all; the next task on that CPU then finds the program running and is skipped (prog->active), for as
 * long as the first one waits. A fork that nobody sees is a process that nobody follows. perf calls the
 * programs of its tracepoints with preemption off (perf_trace_##call of include/trace/perf.h), but
 * tells them numbers instead of the tasks. */
#pragma once

#pragma clang attribute push(__attribute__((preserve_access_index)), apply_to = record)

struct trace_event_raw_task_newtask {
	int pid;
	unsigned long clone_flags;
};

struct trace_event_raw_sys_exit {
	long ret;
};

#pragma clang attribute pop

/* include/uapi/linux/sched.h */
#define CLONE_THREAD 0x00010000

/* Says whether the kernel only keeps this program from moving to another CPU; else it may not preempt it
 * either, or there is but one CPU. */
static __always_inline void note_preemption(void)
{
	struct task_struct *task = current_task();

	if (bpf_core_field_exists(task->migration_disabled) && TASK(task, migration_disabled))
		state.preemptible = 1;
}

static __always_inline int forked(u32 parent, u32 child, bool is_thread)
{
	struct process *known = bpf_map_lookup_elem(&processes, &parent);

	if (is_thread)
		return 0;
	if (!known) {
		/* Should an exit ever have been missed, its number is nobody's of ours any more. */
		bpf_map_delete_elem(&processes, &child);
		bpf_map_delete_elem(&ended, &child);
		return 0;
	}
	struct process process = *known;

	process.forked = 1;
	if (bpf_map_update_elem(&processes, &child, &process, BPF_ANY))
		lose(&state.lost_processes);
	return 0;
}

/* `file` is what the process runs from now on. */
static __always_inline int executed(struct task_struct *task, struct file *file)
{
	u32 tgid = bpf_get_current_pid_tgid() >> 32;
	struct process *known = bpf_map_lookup_elem(&processes, &tgid);

	if (!known && !enters(task, file))
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
	identify(task, file, goes_on ? known->file : 0, &process);
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

static __always_inline int exited(struct task_struct *task)
{
	u64 id = bpf_get_current_pid_tgid();
	u32 tgid = id >> 32;
	u32 tid = id;

	struct process *known = bpf_map_lookup_elem(&processes, &tgid);

	if (!known)
		return 0;
	if (open_calls && !bpf_map_delete_elem(&pendings, &tid))
		__sync_fetch_and_add(&open_calls, -1);
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

static __always_inline int returned(long result)
{
	if (open_calls)
		answer(result);
	look(result);
	return 0;
}
