/* AUDIT_READ: listens to the audit log (netlink(7), AUDIT_NLGRP_READLOG), as systemd-journald does. */
#include "provoke.h"
#include <linux/audit.h>
#include <linux/netlink.h>
#include <sys/socket.h>

int main(void)
{
	struct sockaddr_nl log = {
		.nl_family = AF_NETLINK,
		.nl_groups = 1 << (AUDIT_NLGRP_READLOG - 1),
	};
	int s = MUST(socket(AF_NETLINK, SOCK_RAW, NETLINK_AUDIT));

	MUST(bind(s, (struct sockaddr *)&log, sizeof(log)));
	return 0;
}
