/* AUDIT_WRITE: writes a line into the audit log, as su(1) and sshd(8) do. */
#include "audit.h"

int main(void)
{
	MUST(audit(AUDIT_USER));
	return 0;
}
