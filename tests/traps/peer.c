/* Sends credentials over a socket: PID UID; `own` for its own. And looks at its peer's (SO_PEERCRED),
 * which takes nothing. */
#include "trap.h"
#include <sys/socket.h>
#include <sys/uio.h>

int main(int argc, char **argv)
{
	int pair[2], on = 1;
	struct ucred sent = { getpid(), getuid(), getgid() }, seen;
	socklen_t size = sizeof(seen);

	if (!is(word(argc, argv, 1), "own"))
		sent.pid = atoi(word(argc, argv, 1));
	if (!is(word(argc, argv, 2), "own"))
		sent.uid = atoi(word(argc, argv, 2));
	MUST(socketpair(AF_UNIX, SOCK_STREAM, 0, pair));
	MUST(getsockopt(pair[0], SOL_SOCKET, SO_PEERCRED, &seen, &size));
	HOLDS(seen.pid == getpid() && seen.uid == getuid());
	MUST(setsockopt(pair[1], SOL_SOCKET, SO_PASSCRED, &on, sizeof(on)));

	char byte = 0;
	struct iovec data = { &byte, 1 };
	union {
		char room[CMSG_SPACE(sizeof(sent))];
		struct cmsghdr align;
	} control = { 0 };
	struct msghdr message = {
		.msg_iov = &data,
		.msg_iovlen = 1,
		.msg_control = control.room,
		.msg_controllen = sizeof(control.room),
	};
	struct cmsghdr *header = CMSG_FIRSTHDR(&message);

	header->cmsg_level = SOL_SOCKET;
	header->cmsg_type = SCM_CREDENTIALS;
	header->cmsg_len = CMSG_LEN(sizeof(sent));
	memcpy(CMSG_DATA(header), &sent, sizeof(sent));
	MUST(sendmsg(pair[0], &message, 0));
	MUST(recvmsg(pair[1], &message, 0));
	memcpy(&seen, CMSG_DATA(CMSG_FIRSTHDR(&message)), sizeof(seen));
	HOLDS(seen.pid == sent.pid && seen.uid == sent.uid);
	return 0;
}
