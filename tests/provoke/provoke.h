/* What the programs here share. Each does the least that takes exactly one capability, the one that it is
 * named after, and ends with status 0 only if that came about; with 77 where the kernel does not have
 * what it takes. */
#pragma once
#define _GNU_SOURCE
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/types.h>
#include <unistd.h>

#define CANNOT 77

/* The call succeeds, or the program ends and says which one did not. */
#define MUST(call) must((long)(call), #call)
/* It holds, or the program ends and says what did not. */
#define HOLDS(what) holds(what, #what)

static inline long must(long result, const char *what)
{
	if (result < 0) {
		int missing = errno == ENOSYS || errno == ENOTTY || errno == EOPNOTSUPP ||
			      errno == EPROTONOSUPPORT || errno == EAFNOSUPPORT;

		perror(what);
		exit(missing ? CANNOT : 1);
	}
	return result;
}

static inline void holds(int is, const char *what)
{
	if (!is) {
		fprintf(stderr, "not so: %s\n", what);
		exit(1);
	}
}

/* What the program is told to act on: a file or a process of another user. */
static inline const char *told(int argc, char **argv)
{
	if (argc != 2) {
		fprintf(stderr, "usage: %s FILE|PID\n", argv[0]);
		exit(2);
	}
	return argv[1];
}
