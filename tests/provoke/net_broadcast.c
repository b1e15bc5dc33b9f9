/* NET_BROADCAST: listens to the kernel's messages of all network namespaces (netlink(7),
 * NETLINK_LISTEN_ALL_NSID). Despite its name, nothing else asks for it. */
#include "provoke.h"
#include <linux/netlink.h>
#include <sys/socket.h>

int main(void)
{
	int on = 1, s = MUST(socket(AF_NETLINK, SOCK_RAW, NETLINK_ROUTE));

	MUST(setsockopt(s, SOL_NETLINK, NETLINK_LISTEN_ALL_NSID, &on, sizeof(on)));
	return 0;
}
