/* What the traps share. Each trap is one small program that lures a tracer into a wrong answer; it
 * ends with status 0 if what it was for came about, so that a run under exactly the right
 * capabilities proves the answer. */
#pragma once
#define _GNU_SOURCE
#include <errno.h>
#include <fcntl.h>
#include <linux/capability.h>
#include <sched.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/types.h>
#include <sys/wait.h>
#include <unistd.h>

/* The call succeeds, or the program ends and says which one did not. */
#define MUST(call) must((long)(call), #call)
/* It holds, or the program ends and says what did not. */
#define HOLDS(what) must((what) ? 0 : -1, #what)

static inline long must(long result, const char *what)
{
	if (result < 0) {
		fprintf(stderr, "%s: %s\n", what, strerror(errno));
		exit(1);
	}
	return result;
}

/* A word of the command line, or an empty one. */
static inline const char *word(int argc, char **argv, int at)
{
	return at < argc ? argv[at] : "";
}

static inline int is(const char *word, const char *other)
{
	return strcmp(word, other) == 0;
}

/* The child's work succeeds, or the program ends. */
static inline void succeeds(pid_t child)
{
	int status;

	MUST(waitpid(child, &status, 0));
	HOLDS(WIFEXITED(status) && WEXITSTATUS(status) == 0);
}

/* The thread's own permitted, effective and inheritable sets (capget(2), capset(2)). */
struct sets {
	unsigned long long effective, permitted, inheritable;
};

static inline struct sets get_sets(void)
{
	struct __user_cap_header_struct header = { _LINUX_CAPABILITY_VERSION_3, 0 };
	struct __user_cap_data_struct data[2];

	MUST(syscall(SYS_capget, &header, data));
	return (struct sets){
		data[0].effective | (unsigned long long)data[1].effective << 32,
		data[0].permitted | (unsigned long long)data[1].permitted << 32,
		data[0].inheritable | (unsigned long long)data[1].inheritable << 32,
	};
}

static inline long set_sets(struct sets sets)
{
	struct __user_cap_header_struct header = { _LINUX_CAPABILITY_VERSION_3, 0 };
	struct __user_cap_data_struct data[2] = {
		{ sets.effective, sets.permitted, sets.inheritable },
		{ sets.effective >> 32, sets.permitted >> 32, sets.inheritable >> 32 },
	};

	return syscall(SYS_capset, &header, data);
}

/* Gives up everything but these, a mask. */
static inline void keep_only(unsigned long long mask)
{
	struct sets sets = get_sets();

	sets.permitted &= mask, sets.effective &= mask, sets.inheritable &= mask;
	MUST(set_sets(sets));
}

/* Writes all of it into an existing file, in one call. */
static inline void put(const char *path, const char *text)
{
	int file = MUST(open(path, O_WRONLY));

	MUST(write(file, text, strlen(text)));
	MUST(close(file));
}

/* A child that has done something and then waits, so that it can be acted on. */
struct aside {
	pid_t pid;
	int go;
};

static inline struct aside set_aside(void (*does)(const void *), const void *what,
				     void (*then)(const void *))
{
	int ready[2], go[2];
	char byte;

	MUST(pipe(ready));
	MUST(pipe(go));
	pid_t child = MUST(fork());

	if (!child) {
		close(go[1]), close(ready[0]);
		does(what);
		MUST(write(ready[1], "x", 1));
		close(ready[1]);
		if (read(go[0], &byte, 1) != 1)
			_exit(1);
		if (then)
			then(what);
		_exit(0);
	}
	close(go[0]), close(ready[1]);
	/* Nothing to read: it has ended. */
	if (read(ready[0], &byte, 1) != 1)
		exit(1);
	close(ready[0]);
	return (struct aside){ child, go[1] };
}

/* Lets it go on, and it succeeds. */
static inline void let_go(struct aside child)
{
	MUST(write(child.go, "x", 1));
	close(child.go);
	succeeds(child.pid);
}
