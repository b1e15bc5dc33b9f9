/* Extended attributes of f: list|get NAME|set NAME|remove NAME. Setting a trusted one takes SYS_ADMIN,
 * security.capability SETFCAP, one's own nothing; listing only asks.
 * Status 77: the file system has no attributes of that kind. */
#include "trap.h"
#include <sys/xattr.h>

int main(int argc, char **argv)
{
	const char *how = word(argc, argv, 1), *name = word(argc, argv, 2);
	/* VFS_CAP_REVISION_2, the permitted set {CHOWN}. */
	unsigned capability[5] = { 0x02000000, 1 };
	char room[1024];
	int is_capability = is(name, "security.capability");

	if (is(how, "list"))
		MUST(listxattr("f", room, sizeof(room)));
	else if (is(how, "get"))
		HOLDS(getxattr("f", name, room, sizeof(room)) == -1 && errno == ENODATA);
	else if (is(how, "set")) {
		int done = setxattr("f", name, is_capability ? (void *)capability : "x",
				    is_capability ? sizeof(capability) : 1, 0);

		/* This file system has none of this kind. */
		if (done && errno == EOPNOTSUPP)
			return 77;
		MUST(done);
	}
	else
		return 2;
	return 0;
}
