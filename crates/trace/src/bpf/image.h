/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* execve: which process enters the target by it, and what program it now is. */
#pragma once

static __always_inline struct mount *mount_of(struct vfsmount *mnt)
{
	return (void *)mnt - bpf_core_field_offset(struct mount, mnt);
}

static __always_inline u32 mount_namespace_of(struct task_struct *task)
{
	return BPF_CORE_READ(task, nsproxy, mnt_ns, ns.inum);
}

/* Whether a process that was followed starts a container by this execve.
 *
 * An engine may run its runtime in a mount namespace of its own making (podman does, for a container
 * with a user namespace), and then the runtime looks like a container's program. The entrypoint is
 * executed in another mount namespace and another cgroup than the runtime was, and below the node's
 * PID namespace; what starts containers or services within a container is below it from the start,
 * and is the container's. */
static __always_inline u32 level_of(struct task_struct *task)
{
	return BPF_CORE_READ(task, thread_pid, level);
}

static __always_inline bool enters_anew(struct task_struct *task, const struct process *known)
{
	return config.mode == MODE_CGROUP && config.entry == ENTRY_OWN_IMAGE &&
	       !known->level && level_of(task) && bpf_get_current_cgroup_id() != known->cgroup &&
	       mount_namespace_of(task) != known->mount_namespace;
}

static __always_inline struct kernfs_node *parent_of(struct kernfs_node *node)
{
	struct kernfs_node___since_6_15 *newer = (void *)node;

	return bpf_core_field_exists(newer->__parent) ? BPF_CORE_READ(newer, __parent) :
							BPF_CORE_READ(node, parent);
}

/* Whether the task runs in this cgroup of the unified hierarchy, or below it. Its number is that of
 * its kernfs node (cgroup_id()); bpf_get_current_ancestor_cgroup_id() is not for these programs
 * before 5.15. */
static __always_inline bool is_below(struct task_struct *task, u64 cgroup)
{
	struct kernfs_node *node = BPF_CORE_READ(task, cgroups, dfl_cgrp, kn);

	for (int i = 0; i < 64; i++) {
		if (!node)
			break;
		if (BPF_CORE_READ(node, id) == cgroup)
			return true;
		node = parent_of(node);
	}
	return false;
}

/* Whether a process that was not followed is the target's from this execve on.
 *
 * A runtime's own init runs in the container's cgroup before it executes the entrypoint, and it
 * may execute itself there (runc copies itself into a memfd against CVE-2019-5736 while it is
 * still in the runtime's mount namespace). So the image decides, not the cgroup alone. */
static __always_inline bool enters(struct task_struct *task, struct file *file)
{
	if (config.mode != MODE_CGROUP || !is_below(task, config.cgroup))
		return false;
	if (config.entry == ENTRY_ANY)
		return true;
	struct mnt_namespace *ns = BPF_CORE_READ(task, nsproxy, mnt_ns);
	u32 number = mount_namespace_of(task);

	if (config.entry == ENTRY_MOUNT_NAMESPACE)
		return number == config.mount_namespace;
	/* A memfd and a detached mount are in no mount namespace of a process. */
	struct mount *mount = mount_of(BPF_CORE_READ(file, f_path.mnt));

	return number != config.mount_namespace && BPF_CORE_READ(mount, mnt_ns) == ns;
}

/* The names from the file up to the process's root, as d_path() walks, the file's own first. The
 * size lives in the map: in a register the verifier would follow each of its values apart. */
static __always_inline void walk(struct task_struct *task, struct path *path, struct image *image)
{
	volatile u32 *size = &image->path_size;
	struct dentry *dentry = path->dentry;
	struct mount *mount = mount_of(path->mnt);
	struct dentry *root = BPF_CORE_READ(task, fs, root.dentry);
	struct mount *root_mount = mount_of(BPF_CORE_READ(task, fs, root.mnt));

	for (int i = 0; i < 48; i++) {
		if (mount == root_mount && dentry == root)
			return;
		if (dentry == BPF_CORE_READ(mount, mnt.mnt_root)) {
			struct mount *parent = BPF_CORE_READ(mount, mnt_parent);

			if (parent == mount)
				return;
			dentry = BPF_CORE_READ(mount, mnt_mountpoint);
			mount = parent;
			continue;
		}
		u32 at = *size;

		if (at >= PATH_SIZE / 2)
			break;
		long copied = bpf_probe_read_kernel_str(image->path + at, PATH_SIZE / 2,
							BPF_CORE_READ(dentry, d_name.name));
		if (copied <= 0)
			break;
		*size = at + copied;
		dentry = BPF_CORE_READ(dentry, d_parent);
	}
	*size = 0; /* too long to be told whole */
}

/* The names from the task's cgroup up to the root, whose own name is empty. */
static __always_inline void walk_cgroup(struct task_struct *task, struct image *image)
{
	volatile u32 *size = &image->cgroup_size;
	struct kernfs_node *node = BPF_CORE_READ(task, cgroups, dfl_cgrp, kn);

	for (int i = 0; i < 24; i++) {
		struct kernfs_node *parent = parent_of(node);
		u32 at = *size;

		if (!parent)
			return;
		if (at >= CGROUP_SIZE / 2)
			break;
		long copied = bpf_probe_read_kernel_str(image->cgroup + at, CGROUP_SIZE / 2,
							BPF_CORE_READ(node, name));
		if (copied <= 0)
			break;
		*size = at + copied;
		node = parent;
	}
	*size = CGROUP_SIZE + 1; /* too long to be told whole */
	lose(&state.lost_processes);
}

/* A capability set. Two 32-bit halves before 6.3, one number after: the same bits on a little-endian
 * machine. */
#define READ_CAPS(cred, field) ({ \
	u64 _caps = 0; \
	bpf_probe_read_kernel(&_caps, sizeof(_caps), \
			      (void *)(cred) + bpf_core_field_offset(struct cred, field)); \
	_caps; \
})

/* Finds or makes the image of a process after its execve. */
static __always_inline void identify(struct task_struct *task, struct file *file, u64 parent_file,
				     struct process *process)
{
	struct scratch *room = scratch(FOR_EXEC);

	if (!room)
		return;
	struct inode *inode = BPF_CORE_READ(file, f_inode);
	struct image_key *key = &room->image_key;

	process->file = ((u64)BPF_CORE_READ(inode, i_sb, s_dev) << 40) ^ BPF_CORE_READ(inode, i_ino);
	key->file = process->file;
	key->generation = BPF_CORE_READ(inode, i_generation);
	key->parent_file = parent_file;
	key->cgroup = bpf_get_current_cgroup_id();
	const struct cred *cred = BPF_CORE_READ(task, real_cred);
	u32 uid = BPF_CORE_READ(cred, euid.val);
	u64 permitted = READ_CAPS(cred, cap_permitted);

	/* Root, also if it is the real user alone, gets everything, whatever the file names
	 * (handle_privileged_root()). In another user namespace root is another number: there this is
	 * not known. */
	key->gained = uid && BPF_CORE_READ(cred, uid.val) && BPF_CORE_READ(cred, user_ns, ns.inum) == PROC_USER_INIT_INO ?
		permitted & ~READ_CAPS(cred, cap_ambient) : 0;
	key->no_new_privs = BPF_CORE_READ(task, atomic_flags) >> PFA_NO_NEW_PRIVS & 1;
	key->uid = uid;
	/* Behind the name's end 6.1 leaves what was there (strscpy() in bpf_get_current_comm()). */
	__builtin_memset(key->comm, 0, sizeof(key->comm));
	bpf_get_current_comm(key->comm, sizeof(key->comm));
	struct image *image = bpf_map_lookup_elem(&images, key);

	if (!image) {
		struct image *fresh = &room->image;
		struct path path;

		/* Names end where their size says; what is behind it does not matter. */
		fresh->count = 0;
		fresh->path_size = 0;
		fresh->cgroup_size = 0;
		fresh->unused = 0;
		bpf_core_read(&path, sizeof(path), &file->f_path);
		fresh->first_ns = bpf_ktime_get_ns();
		/* Unique without an atomic counter, which would need 5.12: a CPU runs one execve program
		 * at a time. */
		fresh->id = bpf_get_smp_processor_id() << 16 | (++room->images_made & 0xffff);
		fresh->pid = bpf_get_current_pid_tgid() >> 32;
		fresh->parent_pid = BPF_CORE_READ(task, real_parent, tgid);
		fresh->uid = uid;
		fresh->bounding = READ_CAPS(cred, cap_bset);
		fresh->gained = key->gained;
		fresh->in_effect = !(key->gained & ~READ_CAPS(cred, cap_effective));
		fresh->mode = BPF_CORE_READ(inode, i_mode);
		fresh->owner = BPF_CORE_READ(inode, i_uid.val);
		fresh->group = BPF_CORE_READ(inode, i_gid.val);
		fresh->no_new_privs = key->no_new_privs;
		__builtin_memcpy(fresh->comm, key->comm, sizeof(fresh->comm));
		walk(task, &path, fresh);
		walk_cgroup(task, fresh);
		image = insert(&images, key, fresh);
		if (!image) {
			lose(&state.lost_processes);
			return;
		}
	}
	__sync_fetch_and_add(&image->count, 1);
	process->image = image->id;
}
