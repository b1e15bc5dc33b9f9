/* What tracers are timed on: each operation again and again, and what one call takes.
 *
 *     loops CPU WARM PAUSE MEASURE [OPERATION...]
 *
 * Runs on this CPU alone. First every operation is called for WARM milliseconds, then nothing happens for PAUSE, then
 * each is called for MEASURE, a tenth more before that. Prints a line for each operation: its name and nanoseconds a
 * call, the median of short batches, so that what else wants the CPU for a moment does not count.
 *
 * Needs CHOWN and NET_BIND_SERVICE; the port is on the loopback. */
#define _GNU_SOURCE
#include <arpa/inet.h>
#include <err.h>
#include <errno.h>
#include <netinet/in.h>
#include <sched.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

static const char *file;
static char *empty;
static unsigned owner;

/* PR_CAPBSET_DROP asks for SETPCAP before it looks at the number, which no capability has. */
static void do_prctl(void)
{
	if (prctl(PR_CAPBSET_DROP, 99, 0, 0, 0) != -1 || errno != EINVAL)
		err(1, "prctl");
}

/* The new owner is never the present one, who is asked for nothing. */
static void do_chown(void)
{
	owner = owner ? 0 : 12345;
	if (chown(file, owner, owner))
		err(1, "chown %s", file);
}

/* Below net.ipv4.ip_unprivileged_port_start. */
static void do_bind(void)
{
	struct sockaddr_in address = { .sin_family = AF_INET, .sin_port = htons(1003) };
	int one = 1, socket_fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);

	address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
	if (socket_fd < 0 || setsockopt(socket_fd, SOL_SOCKET, SO_REUSEADDR, &one, sizeof(one)))
		err(1, "socket");
	if (bind(socket_fd, (struct sockaddr *)&address, sizeof(address)))
		err(1, "bind to port 1003");
	close(socket_fd);
}

/* A private mapping that may be written to is asked about under overcommit. */
static void do_mmap(void)
{
	void *page = mmap(0, 4096, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);

	if (page == MAP_FAILED || munmap(page, 4096))
		err(1, "mmap");
}

static void do_exec(void)
{
	char *arguments[] = { empty, 0 }, *environment[] = { 0 };
	int status;
	pid_t child = vfork();

	if (child == 0) {
		execve(empty, arguments, environment);
		_exit(127);
	}
	if (child < 0 || waitpid(child, &status, 0) != child || status)
		errx(1, "cannot run %s", empty);
}

static const struct operation {
	const char *name;
	void (*call)(void);
	/* Calls between two looks at the clock: some 20 microseconds of an untraced program. */
	int batch;
} operations[] = {
	{ "prctl", do_prctl, 128 },
	{ "chown", do_chown, 8 },
	{ "bind", do_bind, 4 },
	{ "mmap", do_mmap, 8 },
	{ "fork+exec", do_exec, 1 },
};

#define OPERATIONS (sizeof(operations) / sizeof(*operations))
#define BATCHES 100000
static double batches[BATCHES];

static long long now(void)
{
	struct timespec time;

	clock_gettime(CLOCK_MONOTONIC, &time);
	return time.tv_sec * 1000000000LL + time.tv_nsec;
}

static int ascending(const void *a, const void *b)
{
	double left = *(const double *)a, right = *(const double *)b;

	return (left > right) - (left < right);
}

/* Calls for so many milliseconds; the median of the batches, nanoseconds a call. */
static double repeat(const struct operation *operation, double milliseconds)
{
	long long before = now(), end = before + (long long)(milliseconds * 1e6);
	size_t count = 0;

	do {
		for (int i = 0; i < operation->batch; i++)
			operation->call();
		long long after = now();

		batches[count++] = (double)(after - before) / operation->batch;
		before = after;
	} while (before < end && count < BATCHES);
	qsort(batches, count, sizeof(*batches), ascending);
	return batches[count / 2];
}

static int wanted(const struct operation *operation, char **names)
{
	if (!*names)
		return 1;
	while (*names && strcmp(*names, operation->name))
		names++;
	return *names != 0;
}

int main(int argc, char **argv)
{
	static char name[4096];
	cpu_set_t cpus;

	if (argc == 1)
		return 0; /* executed by do_exec() */
	if (argc < 5)
		errx(2, "usage: loops CPU WARM PAUSE MEASURE [OPERATION...]");
	CPU_ZERO(&cpus);
	CPU_SET(atoi(argv[1]), &cpus);
	if (sched_setaffinity(0, sizeof(cpus), &cpus))
		err(1, "CPU %s", argv[1]);
	if (readlink("/proc/self/exe", name, sizeof(name) - 8) <= 0)
		err(1, "/proc/self/exe");
	empty = strdup(name);
	file = strcat(name, ".file");

	FILE *made = fopen(file, "w");

	if (!made || fclose(made))
		err(1, "%s", file);
	for (size_t i = 0; i < OPERATIONS; i++)
		if (wanted(&operations[i], argv + 5))
			repeat(&operations[i], atof(argv[2]));
	usleep(atof(argv[3]) * 1000);
	for (size_t i = 0; i < OPERATIONS; i++) {
		if (!wanted(&operations[i], argv + 5))
			continue;
		repeat(&operations[i], atof(argv[4]) / 10);
		printf("%s %.2f\n", operations[i].name, repeat(&operations[i], atof(argv[4])));
		fflush(stdout);
	}
	return 0;
}
