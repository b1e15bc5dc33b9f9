/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* What the kernel says of every process that is there: its namespaces and its program file.
 *
 * /proc says the same, of the processes of another user only to whoever holds SYS_PTRACE
 * (ptrace_may_access()). An iterator over tasks needs what tracing needs anyway. */
#include "kernel.h"
#include <bpf/bpf_helpers.h>
#include <bpf/bpf_tracing.h>
#include <bpf/bpf_core_read.h>

char LICENSE[] SEC("license") = "Dual BSD/GPL";

#pragma clang attribute push(__attribute__((preserve_access_index)), apply_to = record)

struct seq_file;

struct bpf_iter_meta {
	struct seq_file *seq;
};

struct bpf_iter__task {
	struct bpf_iter_meta *meta;
	struct task_struct *task;
};

#pragma clang attribute pop

/* One line a process, decimal: process ID, user namespace, mount namespace, whether its program file
 * is mounted in that mount namespace, the file's device (MKDEV() of include/linux/kdev_t.h), inode,
 * mode, owner and group; zeros of the file of a task without one. */
SEC("iter/task")
int on_task(struct bpf_iter__task *ctx)
{
	struct task_struct *task = ctx->task;

	if (!task || task->pid != task->tgid)
		return 0;
	struct mnt_namespace *mounts = BPF_CORE_READ(task, nsproxy, mnt_ns);
	struct file *file = BPF_CORE_READ(task, mm, exe_file);
	struct vfsmount *at = BPF_CORE_READ(file, f_path.mnt);
	struct mount *mount = (void *)at - bpf_core_field_offset(struct mount, mnt);
	bool own_image = at && mounts && BPF_CORE_READ(mount, mnt_ns) == mounts;
	struct inode *inode = BPF_CORE_READ(file, f_inode);

	BPF_SEQ_PRINTF(ctx->meta->seq, "%d %u %u %d %u %lu %u %u %u\n", task->pid,
		       BPF_CORE_READ(task, real_cred, user_ns, ns.inum),
		       BPF_CORE_READ(mounts, ns.inum), own_image,
		       BPF_CORE_READ(inode, i_sb, s_dev), BPF_CORE_READ(inode, i_ino),
		       BPF_CORE_READ(inode, i_mode), BPF_CORE_READ(inode, i_uid.val),
		       BPF_CORE_READ(inode, i_gid.val));
	return 0;
}
