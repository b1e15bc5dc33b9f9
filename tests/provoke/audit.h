/* The kernel's audit, audit_netlink_ok() in kernel/audit.c: it is asked over netlink, and answers there. */
#pragma once
#include "provoke.h"
#include <linux/audit.h>
#include <linux/netlink.h>
#include <sys/socket.h>

/* A message of this type, acknowledged: 0, or -1 and errno as the answer says. */
static inline int audit(int type)
{
	struct {
		struct nlmsghdr header;
		char text[64];
	} message = {
		{ sizeof(message), type, NLM_F_REQUEST | NLM_F_ACK, 1, 0 },
		"op=provoke",
	};
	struct sockaddr_nl kernel = { .nl_family = AF_NETLINK };
	struct {
		struct nlmsghdr header;
		struct nlmsgerr error;
		char rest[4096];
	} answer;
	int s = MUST(socket(AF_NETLINK, SOCK_RAW, NETLINK_AUDIT));

	MUST(sendto(s, &message, sizeof(message), 0, (struct sockaddr *)&kernel, sizeof(kernel)));
	do
		MUST(recv(s, &answer, sizeof(answer), 0));
	while (answer.header.nlmsg_type != NLMSG_ERROR);
	errno = -answer.error.error;
	return errno ? -1 : 0;
}
