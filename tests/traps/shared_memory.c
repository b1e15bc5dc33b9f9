/* attach|remove a shared memory segment that a child of user 1000 has made. */
#include "trap.h"
#include <sys/shm.h>

static void makes_a_segment(const void *key)
{
	MUST(setresuid(1000, 1000, 1000));
	MUST(shmget(*(const key_t *)key, 4096, IPC_CREAT | IPC_EXCL | 0600));
}

static void removes_it(const void *key)
{
	shmctl(shmget(*(const key_t *)key, 0, 0), IPC_RMID, NULL);
}

int main(int argc, char **argv)
{
	key_t key = 0x7a9 << 20 | getpid();
	struct aside child = set_aside(makes_a_segment, &key, removes_it);
	int segment = MUST(shmget(key, 0, 0));

	/* Whatever comes of it, the child removes it. */
	long done = is(word(argc, argv, 1), "attach") ? (long)shmat(segment, NULL, 0) :
							shmctl(segment, IPC_RMID, NULL);
	int why = errno;

	let_go(child);
	errno = why;
	HOLDS(done != -1);
	return 0;
}
