/* AUDIT_CONTROL: asks for the state of the audit, as auditctl -s does. */
#include "audit.h"

int main(void)
{
	MUST(audit(AUDIT_GET));
	return 0;
}
