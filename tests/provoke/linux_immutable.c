/* LINUX_IMMUTABLE: makes a file append-only, as chattr +a does (FS_IOC_SETFLAGS(2const)). */
#include "provoke.h"
#include <linux/fs.h>
#include <sys/ioctl.h>
#include <sys/mman.h>

int main(void)
{
	int flags, file = MUST(memfd_create("file", 0));

	MUST(ioctl(file, FS_IOC_GETFLAGS, &flags));
	flags |= FS_APPEND_FL;
	MUST(ioctl(file, FS_IOC_SETFLAGS, &flags));
	return 0;
}
