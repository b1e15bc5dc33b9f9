/* SYS_RAWIO: asks where on the disk its own file begins (ioctl(2), FIBMAP). A file system without a disk says EINVAL:
 * it was asked. So do iopl(2), ioperm(2), /dev/mem and /dev/port ask for it, which reach the hardware. */
#include "provoke.h"
#include <linux/fs.h>
#include <sys/ioctl.h>

int main(void)
{
	int block = 0, file = MUST(open("/proc/self/exe", O_RDONLY));
	int found = ioctl(file, FIBMAP, &block);

	if (found < 0 && errno == EINVAL)
		return 0;
	MUST(found);
	return 0;
}
