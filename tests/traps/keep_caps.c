/* Becomes user 1000 and keeps a capability (PR_SET_KEEPCAPS), as ping and chronyd do; lowers it while it is not
 * used, and raises it for what it is for. */
#include "trap.h"
#include <netinet/in.h>
#include <sys/socket.h>

int main(void)
{
	MUST(prctl(PR_SET_KEEPCAPS, 1, 0, 0, 0));
	MUST(setresuid(1000, 1000, 1000));

	struct sets kept = get_sets(), lowered;

	kept.permitted &= 1ULL << CAP_NET_RAW;
	lowered = kept;
	MUST(set_sets(lowered));
	HOLDS(socket(AF_INET, SOCK_RAW, IPPROTO_ICMP) == -1 && errno == EPERM);
	kept.effective = kept.permitted;
	MUST(set_sets(kept));
	MUST(socket(AF_INET, SOCK_RAW, IPPROTO_ICMP));
	MUST(set_sets(lowered));
	return 0;
}
