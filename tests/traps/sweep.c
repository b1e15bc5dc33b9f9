/* Thousands of questions to the network, and what was answered to each: sockets of every family, their options
 * set and read, the old requests about interfaces. In a network of its own. */
#include "trap.h"
#include <sys/ioctl.h>
#include <sys/socket.h>

/* What came of a call; the number says which it was. */
static void answer(const char *call, int a, int b, int c, long result)
{
	printf("%s %d %d %d: %d\n", call, a, b, c, result < 0 ? errno : 0);
}

static void options(int family, int type, int protocol)
{
	static const int levels[] = { 0, 1, 6, 17, 41, 58, 255, 270 };
	int one = 1, made = socket(family, type, protocol);

	answer("socket", family, type, protocol, made);
	if (made < 0)
		return;
	for (unsigned l = 0; l < sizeof(levels) / sizeof(*levels); l++) {
		for (int option = 1; option < 90; option++) {
			char name[32] = "lo";
			socklen_t size = sizeof(name);

			answer("set", type, levels[l], option,
			       setsockopt(made, levels[l], option, &one, sizeof(one)));
			answer("name", type, levels[l], option,
			       setsockopt(made, levels[l], option, name, sizeof(name)));
			answer("get", type, levels[l], option,
			       getsockopt(made, levels[l], option, name, &size));
		}
	}
	close(made);
}

static void requests(const char *interface)
{
	int any = MUST(socket(AF_INET, SOCK_DGRAM, 0));

	for (int request = 0x8900; request < 0x89c0; request++) {
		char room[256] = "";

		strcpy(room, interface);
		answer(interface, request, 0, 0, ioctl(any, request, room));
	}
	close(any);
}

int main(void)
{
	MUST(unshare(CLONE_NEWNET));
	for (int family = 1; family < 46; family++)
		for (int type = 1; type < 6; type++) {
			int made = socket(family, type, 0);

			answer("socket", family, type, 0, made);
			close(made);
		}
	for (int family = AF_INET; family <= AF_INET6; family += AF_INET6 - AF_INET) {
		options(family, SOCK_STREAM, 0);
		options(family, SOCK_DGRAM, 0);
		options(family, SOCK_RAW, 255);
	}
	options(AF_UNIX, SOCK_STREAM, 0);
	options(AF_NETLINK, SOCK_RAW, 0);
	requests("absent");
	requests("lo");
	return 0;
}
