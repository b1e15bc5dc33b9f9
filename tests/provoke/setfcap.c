/* SETFCAP: gives a file of its own a capability, as setcap(8) does. */
#include "provoke.h"
#include <linux/capability.h>
#include <sys/mman.h>
#include <sys/xattr.h>

int main(void)
{
	struct vfs_cap_data none = { .magic_etc = VFS_CAP_REVISION_2 };
	int file = MUST(memfd_create("file", 0));

	MUST(fsetxattr(file, "security.capability", &none, XATTR_CAPS_SZ_2, 0));
	return 0;
}
