/* Opens a raw socket, which takes NET_RAW; with `raise` it first raises that in its effective set. */
#include "trap.h"
#include <netinet/in.h>
#include <sys/socket.h>

int main(int argc, char **argv)
{
	if (is(word(argc, argv, 1), "raise")) {
		struct sets sets = get_sets();

		sets.effective |= sets.permitted & 1ULL << CAP_NET_RAW;
		MUST(set_sets(sets));
	}
	MUST(socket(AF_INET, SOCK_RAW, IPPROTO_ICMP));
	return 0;
}
