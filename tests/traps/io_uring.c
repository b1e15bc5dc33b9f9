/* Opens a file through io_uring: inline|worker|polled|personality. By the thread itself, by a worker, by a
 * thread that polls, or with the credentials that were registered before they were given up. */
#include "trap.h"
#include <linux/io_uring.h>
#include <sys/mman.h>

/* Older headers lack them. */
#define ASYNC (1U << 4)

int main(int argc, char **argv)
{
	const char *how = word(argc, argv, 1);
	struct io_uring_params params = { 0 };

	if (is(how, "polled"))
		params.flags = IORING_SETUP_SQPOLL;
	int ring = syscall(SYS_io_uring_setup, 4, &params);

	if (ring < 0 && (errno == ENOSYS || errno == EPERM))
		return 77;
	MUST(ring);
	char *sq = mmap(NULL, params.sq_off.array + 4 * params.sq_entries, PROT_READ | PROT_WRITE,
			MAP_SHARED, ring, IORING_OFF_SQ_RING);
	char *cq = mmap(NULL, params.cq_off.cqes + params.cq_entries * sizeof(struct io_uring_cqe),
			PROT_READ | PROT_WRITE, MAP_SHARED, ring, IORING_OFF_CQ_RING);
	struct io_uring_sqe *entry = mmap(NULL, params.sq_entries * sizeof(*entry), PROT_READ | PROT_WRITE,
					  MAP_SHARED, ring, IORING_OFF_SQES);

	HOLDS(sq != MAP_FAILED && cq != MAP_FAILED && (void *)entry != MAP_FAILED);
	memset(entry, 0, sizeof(*entry));
	entry->opcode = IORING_OP_OPENAT;
	entry->fd = AT_FDCWD;
	entry->addr = (unsigned long)"f";
	entry->open_flags = O_RDWR;
	if (is(how, "worker"))
		entry->flags = ASYNC;
	if (is(how, "personality")) {
		entry->personality = MUST(syscall(SYS_io_uring_register, ring, IORING_REGISTER_PERSONALITY,
						  NULL, 0));
		keep_only(0);
	}
	((unsigned *)(sq + params.sq_off.array))[0] = 0;
	__atomic_store_n((unsigned *)(sq + params.sq_off.tail), 1, __ATOMIC_RELEASE);
	MUST(syscall(SYS_io_uring_enter, ring, is(how, "polled") ? 0 : 1, 1,
		     IORING_ENTER_GETEVENTS | (is(how, "polled") ? IORING_ENTER_SQ_WAKEUP : 0), NULL, 0));
	struct io_uring_cqe *done = (void *)(cq + params.cq_off.cqes);

	errno = -done->res;
	MUST(done->res);
	return 0;
}
