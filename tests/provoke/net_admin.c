/* NET_ADMIN: sets the loopback interface's queue length, to what it is (netdevice(7)). */
#include "provoke.h"
#include <net/if.h>
#include <sys/ioctl.h>

int main(void)
{
	struct ifreq interface = { .ifr_name = "lo" };
	int s = MUST(socket(AF_INET, SOCK_DGRAM, 0));

	MUST(ioctl(s, SIOCGIFTXQLEN, &interface));
	MUST(ioctl(s, SIOCSIFTXQLEN, &interface));
	return 0;
}
