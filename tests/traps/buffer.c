/* A socket buffer beyond the limit (SO_SNDBUFFORCE), which takes NET_ADMIN; and if it is refused the limit
 * will do, as libsystemd does it. And `mark` marks packets (SO_MARK), which takes NET_RAW or NET_ADMIN. */
#include "trap.h"
#include <sys/socket.h>

int main(int argc, char **argv)
{
	int size = 8 << 20, socket_ = MUST(socket(AF_UNIX, SOCK_STREAM, 0));

	if (is(word(argc, argv, 1), "mark"))
		MUST(setsockopt(MUST(socket(AF_INET, SOCK_DGRAM, 0)), SOL_SOCKET, SO_MARK, &size, sizeof(size)));
	else if (setsockopt(socket_, SOL_SOCKET, SO_SNDBUFFORCE, &size, sizeof(size)) < 0)
		MUST(setsockopt(socket_, SOL_SOCKET, SO_SNDBUF, &size, sizeof(size)));
	return 0;
}
