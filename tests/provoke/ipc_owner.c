/* IPC_OWNER: reads the state of a System V message queue whose mode lets nobody (sysvipc(7)). */
#include "provoke.h"
#include <sys/ipc.h>
#include <sys/msg.h>

int main(void)
{
	struct msqid_ds about;
	int queue = MUST(msgget(IPC_PRIVATE, 0));
	int seen = msgctl(queue, IPC_STAT, &about), refused = errno;

	MUST(msgctl(queue, IPC_RMID, NULL));
	errno = refused;
	MUST(seen);
	return 0;
}
