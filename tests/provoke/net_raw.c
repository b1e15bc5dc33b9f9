/* NET_RAW: a raw socket, as an old ping makes it (raw(7)). */
#include "provoke.h"
#include <netinet/in.h>

int main(void)
{
	MUST(socket(AF_INET, SOCK_RAW, IPPROTO_ICMP));
	return 0;
}
