/* In a network of its own: binds PORT; `up` switches the loopback interface on, `netlink` asks for that over
 * netlink, `look` only looks at it, `absent` at one that is not
 * there, `address` gives it one. */
#include "trap.h"
#include <linux/netlink.h>
#include <linux/rtnetlink.h>
#include <net/if.h>
#include <netinet/in.h>
#include <sys/ioctl.h>
#include <sys/socket.h>

/* RTM_SETLINK of the loopback interface; what the kernel answers, an error number. */
static int set_link(int netlink)
{
	struct {
		struct nlmsghdr header;
		struct ifinfomsg link;
	} ask = {
		{ sizeof(ask), RTM_SETLINK, NLM_F_REQUEST | NLM_F_ACK, 1, 0 },
		{ .ifi_index = 1, .ifi_flags = IFF_UP, .ifi_change = IFF_UP },
	};
	struct {
		struct nlmsghdr header;
		struct nlmsgerr error;
		char room[256];
	} answer;

	MUST(send(netlink, &ask, sizeof(ask), 0));
	MUST(recv(netlink, &answer, sizeof(answer), 0));
	return -answer.error.error;
}

int main(int argc, char **argv)
{
	const char *how = word(argc, argv, 1);
	struct ifreq lo = { .ifr_name = "lo" };

	MUST(unshare(CLONE_NEWNET));
	if (is(how, "up") || is(how, "look")) {
		int any = MUST(socket(AF_INET, SOCK_DGRAM, 0));

		MUST(ioctl(any, SIOCGIFFLAGS, &lo));
		lo.ifr_flags |= IFF_UP;
		if (is(how, "up"))
			MUST(ioctl(any, SIOCSIFFLAGS, &lo));
	} else if (is(how, "absent") || is(how, "address")) {
		int any = MUST(socket(AF_INET, SOCK_DGRAM, 0));
		struct sockaddr_in *address = (void *)&lo.ifr_addr;

		address->sin_family = AF_INET;
		address->sin_addr.s_addr = htonl(INADDR_LOOPBACK + 1);
		if (is(how, "address"))
			MUST(ioctl(any, SIOCSIFADDR, &lo));
		strcpy(lo.ifr_name, "absent");
		HOLDS(ioctl(any, SIOCGIFADDR, &lo) == -1 && errno == ENODEV);
	} else if (is(how, "netlink")) {
		int netlink = MUST(socket(AF_NETLINK, SOCK_RAW, NETLINK_ROUTE));

		errno = set_link(netlink);
		MUST(errno ? -1 : 0);
	} else {
		struct sockaddr_in here = { AF_INET, htons(atoi(how)), { htonl(INADDR_LOOPBACK) }, { 0 } };

		MUST(bind(MUST(socket(AF_INET, SOCK_STREAM, 0)), (void *)&here, sizeof(here)));
	}
	return 0;
}
