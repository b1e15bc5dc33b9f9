/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* The kernel's types, as far as the tracer reads them. The loader relocates every field to where
 * the running kernel has it (CO-RE), so only names and kinds matter here, not order or padding. */
#pragma once

typedef unsigned char __u8;
typedef signed char __s8;
typedef unsigned short __u16;
typedef short __s16;
typedef unsigned int __u32;
typedef int __s32;
typedef unsigned long long __u64;
typedef long long __s64;
typedef __u16 __be16;
typedef __u32 __be32;
typedef __u32 __wsum;
typedef __u8 u8;
typedef __u32 u32;
typedef __s32 s32;
typedef __u64 u64;
typedef __s64 s64;
typedef _Bool bool;
#define true 1
#define false 0

/* include/uapi/linux/bpf.h */
enum {
	BPF_MAP_TYPE_HASH = 1,
	BPF_MAP_TYPE_ARRAY = 2,
	BPF_MAP_TYPE_PERCPU_ARRAY = 6,
	BPF_MAP_TYPE_LRU_HASH = 9,
};
enum {
	BPF_ANY = 0,
	BPF_NOEXIST = 1,
};

/* Helpers that not every kernel from 5.10 on has; which are there is read off the kernel's own
 * list, not off its version: distributions take newer parts over. */
enum bpf_func_id {
	BPF_FUNC_get_current_task_btf = 158,
	BPF_FUNC_snprintf = 165,
	BPF_FUNC_task_pt_regs = 175,
};
#define has_helper(name) bpf_core_enum_value_exists(enum bpf_func_id, BPF_FUNC_##name)

/* include/linux/sched.h. The first two mean something else where there are no such tasks:
 * kernel_clone_args says whether there are. */
#define PF_IO_WORKER 0x00000010
#define PF_USER_WORKER 0x00004000
#define PF_KTHREAD 0x00200000
#define PFA_NO_NEW_PRIVS 0
/* include/linux/sched/signal.h */
#define SIGNAL_GROUP_EXIT 0x00000004
/* include/uapi/asm-generic/errno-base.h */
#define EPERM 1
#define EAGAIN 11
#define EACCES 13
#define MAX_ERRNO 4095
/* include/linux/errno.h */
#define ERESTARTSYS 512
#define ERESTART_RESTARTBLOCK 516
/* include/uapi/asm-generic/errno.h */
#define EINPROGRESS 115
/* include/linux/proc_ns.h: the initial user namespace. */
#define PROC_USER_INIT_INO 0xEFFFFFFDU
/* include/linux/socket.h */
#define AF_UNIX 1

#pragma clang attribute push(__attribute__((preserve_access_index)), apply_to = record)

typedef struct {
	u32 val;
} kuid_t;

typedef struct {
	u32 val;
} kgid_t;

typedef struct {
	int counter;
} atomic_t;

typedef struct {
	u64 val;
} kernel_cap_t;

struct ns_common {
	unsigned int inum;
};

struct user_namespace {
	struct user_namespace *parent;
	kuid_t owner;
	struct ns_common ns;
};

struct mnt_namespace {
	struct ns_common ns;
};

struct nsproxy {
	struct mnt_namespace *mnt_ns;
};

struct cred {
	kuid_t uid;
	kuid_t euid;
	kernel_cap_t cap_permitted;
	kernel_cap_t cap_effective;
	kernel_cap_t cap_bset;
	kernel_cap_t cap_ambient;
	unsigned int securebits;
	struct user_namespace *user_ns;
};

struct super_block {
	u32 s_dev;
};

struct inode {
	unsigned short i_mode;
	kuid_t i_uid;
	kgid_t i_gid;
	unsigned long i_ino;
	struct super_block *i_sb;
	u32 i_generation;
};

struct qstr {
	const unsigned char *name;
};

struct dentry {
	struct dentry *d_parent;
	struct qstr d_name;
};

struct vfsmount {
	struct dentry *mnt_root;
};

struct mount {
	struct mount *mnt_parent;
	struct dentry *mnt_mountpoint;
	struct vfsmount mnt;
	struct mnt_namespace *mnt_ns;
};

struct path {
	struct vfsmount *mnt;
	struct dentry *dentry;
};

struct file {
	struct path f_path;
	struct inode *f_inode;
	void *private_data;
};

struct mm_struct {
	struct file *exe_file;
};

struct fdtable {
	unsigned int max_fds;
	struct file **fd;
};

struct files_struct {
	struct fdtable *fdt;
};

struct upid {
	int nr;
};

struct pid {
	unsigned int level;
	struct upid numbers[1];
};

struct sock {
	struct pid *sk_peer_pid;
};

struct socket {
	struct sock *sk;
};

struct kernfs_node {
	u64 id;
	const char *name;
	struct kernfs_node *parent;
};

/* The name since 6.15. */
struct kernfs_node___since_6_15 {
	struct kernfs_node *__parent;
};

struct cgroup {
	struct kernfs_node *kn;
};

struct css_set {
	struct cgroup *dfl_cgrp;
};

struct fs_struct {
	struct path root;
};

struct linux_binprm {
	struct file *file;
};

struct signal_struct {
	atomic_t live;
	int group_exit_code;
	unsigned int flags;
};

struct thread_info {
	u32 status;
};

struct kernel_clone_args {
	int io_thread;
	u32 user_worker;
};

struct task_struct {
	struct thread_info thread_info;
	void *stack;
	unsigned int flags;
	unsigned short migration_disabled;
	struct mm_struct *mm;
	unsigned long atomic_flags;
	int pid;
	int tgid;
	int exit_code;
	struct task_struct *group_leader;
	struct task_struct *real_parent;
	const struct cred *real_cred;
	const struct cred *cred;
	struct fs_struct *fs;
	struct pid *thread_pid;
	struct files_struct *files;
	struct css_set *cgroups;
	struct nsproxy *nsproxy;
	struct signal_struct *signal;
};

#pragma clang attribute pop

/* The user's registers at the system call. Their layout is ABI and is not relocated. */
#if defined(__TARGET_ARCH_x86)

/* arch/x86/include/asm/page_64_types.h, without KASAN: what a kernel without bpf_task_pt_regs()
 * (before 5.15) keeps the registers at the top of. */
#define THREAD_SIZE 16384
#define REGISTERS_SIZE sizeof(struct pt_regs)

struct pt_regs {
	unsigned long r15, r14, r13, r12, bp, bx, r11, r10, r9, r8;
	unsigned long ax, cx, dx, si, di, orig_ax, ip, cs, flags, sp, ss;
};

/* The calling convention of kernel functions. */
#define PARAMETER_1(regs) ((regs)->di)
#define PARAMETER_2(regs) ((regs)->si)
#define PARAMETER_3(regs) ((regs)->dx)
#define PARAMETER_4(regs) ((regs)->cx)
#define RETURNED(regs) ((regs)->ax)

/* arch/x86/include/asm/ptrace.h: user_mode() */
static inline bool is_user(const struct pt_regs *regs)
{
	return (regs->cs & 3) == 3;
}

/* arch/x86/include/asm/thread_info.h */
#define TS_COMPAT 0x0002

#elif defined(__TARGET_ARCH_arm64)

/* struct user_pt_regs (arch/arm64/include/uapi/asm/ptrace.h), which struct pt_regs begins with. */
struct pt_regs {
	unsigned long regs[31];
	unsigned long sp, pc, pstate;
};

#pragma clang attribute push(__attribute__((preserve_access_index)), apply_to = record)

/* What follows in the kernel's is not ABI. regs[0] becomes the result; orig_x0 is what it was. */
struct pt_regs___of_kernel {
	u64 orig_x0;
	s32 syscallno;
};

#pragma clang attribute pop

/* arch/arm64/include/asm/memory.h, without KASAN, with pages of 4 or 16 KiB: for a kernel without
 * bpf_task_pt_regs() (before 5.15). */
#define THREAD_SIZE 16384
#define REGISTERS_SIZE bpf_core_type_size(struct pt_regs___of_kernel)

/* The calling convention of kernel functions. */
#define PARAMETER_1(at) ((at)->regs[0])
#define PARAMETER_2(at) ((at)->regs[1])
#define PARAMETER_3(at) ((at)->regs[2])
#define PARAMETER_4(at) ((at)->regs[3])
#define RETURNED(at) ((at)->regs[0])
/* Where a call leaves its return address, until the function has put it on its stack. */
#define LINK_REGISTER(at) ((at)->regs[30])

/* arch/arm64/include/uapi/asm/ptrace.h: PSR_MODE_MASK, PSR_MODE_EL0t, PSR_MODE32_BIT. TIF_32BIT says
 * the same, but is no ABI, and execve() changes it before it is done. Kernel addresses have bit 55 set;
 * a part of a stack that was never used is zero. */
#define IS_USER(pc, pstate) ((pc) && !((pc) >> 55) && !((pstate) & 0xf))
#define IS_COMPAT(pstate) ((pstate) & 0x10)

#else
#error "no system call layout for this architecture"
#endif
