/* NET_BIND_SERVICE: a port below net.ipv4.ip_unprivileged_port_start, which is 1024 unless somebody changed it. */
#include "provoke.h"
#include <arpa/inet.h>

int main(void)
{
	struct sockaddr_in port = { AF_INET, htons(1), { htonl(INADDR_LOOPBACK) }, "" };
	int s = MUST(socket(AF_INET, SOCK_DGRAM, 0));

	MUST(bind(s, (struct sockaddr *)&port, sizeof(port)));
	return 0;
}
