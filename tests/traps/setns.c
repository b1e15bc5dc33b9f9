/* Enters a namespace that a child has made: mnt|net|uts|user; with a user's number behind it, of a child
 * of that user. A user namespace of another user lies inside of the container's, yet what lets root enter
 * is the container's own SYS_ADMIN, not ownership. */
#include "trap.h"

struct asked {
	int flag, uid;
};

static void makes_a_namespace(const void *given)
{
	const struct asked *asked = given;

	if (asked->uid)
		MUST(setresuid(asked->uid, asked->uid, asked->uid));
	MUST(unshare(asked->flag));
}

int main(int argc, char **argv)
{
	const char *kind = word(argc, argv, 1);
	struct asked asked = {
		is(kind, "mnt") ? CLONE_NEWNS : is(kind, "net") ? CLONE_NEWNET :
		is(kind, "uts") ? CLONE_NEWUTS : CLONE_NEWUSER,
		atoi(word(argc, argv, 2)),
	};
	struct aside child = set_aside(makes_a_namespace, &asked, NULL);
	char path[64];

	snprintf(path, sizeof(path), "/proc/%d/ns/%s", child.pid, kind);
	MUST(setns(MUST(open(path, O_RDONLY)), asked.flag));
	let_go(child);
	return 0;
}
