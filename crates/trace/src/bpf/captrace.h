/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* What the kernel side and `abi.rs` share: every struct here has its twin there. No padding that
 * is not named: keys are compared byte by byte. */
#pragma once

#define STACK_DEPTH 28
#define TEXT_SIZE 128
#define PATH_SIZE 512
#define CGROUP_SIZE 1024
#define COMM_SIZE 16
#define NAME_SIZE 64
/* Of each table: the native one, then the 32-bit one. */
#define SYSCALLS 512
/* How often the return of a refused call is looked at before the first answer is kept for good. */
#define RETURNS 64
#define PENDING 6
/* By capability (64), relation (3) and the two low flags: see kind_of(). */
#define KINDS (64 * 12)
/* The next power of two: what the verifier can see to be in bounds. */
#define KINDS_ROOM 1024

/* config.mode */
enum { MODE_OFF = 0, MODE_TREE = 1, MODE_CGROUP = 2 };
/* config.entry: which execve in the cgroup, of a process that is not followed yet, makes it one. */
enum { ENTRY_ANY = 0, ENTRY_MOUNT_NAMESPACE = 1, ENTRY_OWN_IMAGE = 2 };
/* process.state */
enum { AWAITS_EXEC = 0, COUNTS = 1 };
/* key.flags */
enum {
	GRANTED = 1 << 0,
	OWN_CREDENTIALS = 1 << 1,
	IN_BOUNDING = 1 << 2,
	COMPAT = 1 << 3,
	NO_AUDIT = 1 << 4,
	AUDIT_KNOWN = 1 << 5,
};
/* key.relation: what answers the check. The sets that the target was given, in its own user
 * namespace; those it has, or the right it has as the owner, in one that it made below that; or
 * nothing that it could be given. */
enum { NS_OWN = 0, NS_INNER = 1, NS_OUTER = 2 };
/* key.task */
enum { TASK_PROGRAM = 0, TASK_IO_WORKER = 1, TASK_USER_WORKER = 2, TASK_KERNEL_THREAD = 3 };
/* tally.text_kind */
enum { TEXT_NONE = 0, TEXT_PATH = 1, TEXT_ADDRESS = 2 };
/* shape.flags */
enum {
	/* The address is that of somebody who is asked. */
	SHAPE_ASKS = 1 << 0,
	/* EAGAIN tells of a limit, not of a call to be tried again. */
	SHAPE_LIMITED = 1 << 1,
};

/* Written by user space, read by the programs. */
struct config {
	u32 mode;
	u32 entry;
	/* MODE_CGROUP: the cgroup's id in the unified hierarchy. */
	u64 cgroup;
	/* Whether the fourth argument of cap_capable() is its options. */
	u32 opts_known;
	/* ENTRY_MOUNT_NAMESPACE: the container's; ENTRY_OWN_IMAGE: the one that never counts. */
	u32 mount_namespace;
	/* The target's user namespace; 0: that of each process at the execve by which it enters. */
	u32 user_namespace;
	/* Whether returns of refused calls are being recorded. */
	u32 results;
	/* The process whose end is the target's end; 0: the first that counts. */
	u32 first_process;
	/* Whether every failed call is recorded, too. */
	u32 failures;
	/* Taken off the numbers of stacks; 0 outside of tests, where it makes them collide. */
	u64 stack_mask;
	/* Whether stacks that were unwound once are known again by their words. */
	u32 remember;
	/* Below it, mapping asks for SYS_RAWIO (vm.mmap_min_addr). */
	u32 mmap_min_addr;
};

/* Written by the programs, read by user space. */
struct state {
	u64 lost_checks;
	u64 lost_stacks;
	u64 lost_processes;
	u64 lost_evidence;
	u64 started_ns;
	u64 ended_ns;
	u32 first_process;
	u32 exit_code;
	/* Kinds of refused checks seen. */
	u32 refused;
	/* Kinds of checks seen. */
	u32 kinds;
	/* Whether the kernel may preempt the program of a raw tracepoint, if it preempts at all. */
	u32 preemptible;
	u32 unused;
	/* Kernel stacks that were unwound: the others were known again. */
	u64 unwound;
};

struct process {
	u32 image;
	u32 state;
	/* The program file, as a number. */
	u64 file;
	/* The user namespace that its container, or the target, was started in. */
	u32 user_namespace;
	/* Forked by a process of this image, and has executed nothing itself. */
	u32 forked;
	/* Where it, or who it comes from, became the target's. */
	u64 cgroup;
	u32 mount_namespace;
	/* How deep its PID namespace was then; 0 is the node's. */
	u32 level;
};

/* Processes that run the same program in the same cgroup, started by the same program, are one
 * image. */
struct image_key {
	u64 file;
	u64 parent_file;
	u64 cgroup;
	char comm[COMM_SIZE];
	/* What they can gain, and have gained from the file, is part of what they are. */
	u64 gained;
	u32 no_new_privs;
	u32 uid;
	/* Of the file, where its file system counts them: a number that was freed is given again. */
	u64 generation;
};

struct image {
	u64 count;
	u64 first_ns;
	u32 id;
	u32 pid;
	u32 parent_pid;
	u32 uid;
	u32 path_size;
	u32 cgroup_size;
	/* Of the file: i_mode, i_uid, i_gid. */
	u32 mode;
	u32 owner;
	u32 group;
	u32 no_new_privs;
	/* The bounding set; of a user that is not root, what the file's capabilities gave, and whether
	 * they are in effect at once. */
	u64 bounding;
	u64 gained;
	u32 in_effect;
	u32 unused;
	char comm[COMM_SIZE];
	/* The names on the way up, the file's own first, each with its NUL. */
	char path[PATH_SIZE];
	/* Likewise, of the cgroup. */
	char cgroup[CGROUP_SIZE];
};

/* How a process of an image ended, by the image's number: one that executed it itself rather than
 * one that was only forked, and of these one that failed, if one did. */
struct exit {
	u64 ended_ns;
	u32 code;
	u32 forked;
};

struct key {
	u64 stack;
	u32 decides;
	u32 image;
	u32 uid;
	/* -1: none */
	s32 syscall;
	u8 capability;
	u8 flags;
	u8 relation;
	u8 task;
	u32 unused;
};

struct tally {
	u64 count;
	u64 first_ns;
	u64 last_ns;
	u64 arguments[6];
	s64 result;
	u32 returns;
	u32 text_kind;
	u32 text_size;
	u32 unused;
	char text[TEXT_SIZE];
};

/* A call that failed (result < 0), or that asked a process outside (result: its number). */
struct call_key {
	/* Of the path or address. */
	u64 text;
	s64 result;
	u32 image;
	s32 syscall;
	u32 flags;
	u32 unused;
};

struct stack {
	u64 depth;
	u64 frames[STACK_DEPTH];
};

struct symbol {
	char name[NAME_SIZE];
};

/* Which arguments of a system call matter; numbered from 1, 0 is none. */
struct shape {
	u8 path;
	u8 address;
	u8 address_size;
	u8 decides;
	u32 mask;
	u32 flags;
};

struct pending {
	u32 count;
	u32 unused;
	struct key keys[PENDING];
};

struct scratch {
	struct key key;
	struct tally tally;
	struct stack stack;
	struct symbol symbol;
	struct pending pending;
	struct image_key image_key;
	struct image image;
	struct call_key call_key;
	u64 images_made;
	/* The user namespace that a check is made against; that of the checked credentials, and their
	 * effective user. */
	struct user_namespace *target;
	struct user_namespace *holder;
	u32 euid;
	/* Whether a program uses the room. */
	u32 busy;
	/* Pointers as numbers. */
	u64 numbers[2];
};
