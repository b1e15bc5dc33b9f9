/* Opens a raw socket, which takes NET_RAW. */
#include "trap.h"
#include <netinet/in.h>
#include <sys/socket.h>

int main(void)
{
	MUST(socket(AF_INET, SOCK_RAW, IPPROTO_ICMP));
	return 0;
}
