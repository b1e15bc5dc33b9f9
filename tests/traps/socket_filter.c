/* A filter on a socket of one's own: compiled as a seccomp filter is, and takes nothing. */
#include "trap.h"
#include <linux/filter.h>
#include <sys/socket.h>

int main(void)
{
	struct sock_filter pass = BPF_STMT(BPF_RET | BPF_K, 0xffff);
	struct sock_fprog program = { 1, &pass };
	int socket_ = MUST(socket(AF_UNIX, SOCK_DGRAM, 0));

	MUST(setsockopt(socket_, SOL_SOCKET, SO_ATTACH_FILTER, &program, sizeof(program)));
	return 0;
}
