/* DEED [FOLDER]: does one thing to the file f of the folder, and says what came of it: the error, if any, and what f is afterwards. */
#include "trap.h"
#include <linux/fs.h>
#include <sys/ioctl.h>
#include <sys/xattr.h>

static int opened(const char *path, int flags)
{
	return open(path, flags | O_CLOEXEC, 0644);
}

static int flag(int set)
{
	int flags = 0, file = opened("f", O_RDONLY);

	if (file < 0 || ioctl(file, FS_IOC_GETFLAGS, &flags) < 0)
		return -1;
	flags = set ? flags | FS_NODUMP_FL : flags;
	return ioctl(file, FS_IOC_SETFLAGS, &flags);
}

static int does(const char *deed)
{
	struct timespec then[2] = { { 1, 0 }, { 1, 0 } };
	/* VFS_CAP_REVISION_2, the permitted set {CHOWN}. */
	unsigned capability[5] = { 0x02000000, 1 };
	char room[256];
	int file;

	if (is(deed, "read"))
		return opened("f", O_RDONLY);
	if (is(deed, "append"))
		return (file = opened("f", O_WRONLY | O_APPEND)) < 0 ? -1 : write(file, "x", 1);
	if (is(deed, "both"))
		return opened("f", O_RDWR);
	if (is(deed, "empty"))
		return opened("f", O_WRONLY | O_TRUNC);
	if (is(deed, "truncate"))
		return truncate("f", 1);
	if (is(deed, "noatime"))
		return opened("f", O_RDONLY | O_NOATIME);
	if (is(deed, "may read"))
		return access("f", R_OK);
	if (is(deed, "may write"))
		return access("f", W_OK);
	if (is(deed, "may execute"))
		return access("f", X_OK);
	if (is(deed, "chmod 600"))
		return chmod("f", 0600);
	if (is(deed, "chmod 2755"))
		return chmod("f", 02755);
	if (is(deed, "chmod 4755"))
		return chmod("f", 04755);
	if (is(deed, "chown"))
		return chown("f", 1024, -1);
	if (is(deed, "chgrp"))
		return chown("f", -1, 1024);
	if (is(deed, "chgrp own"))
		return chown("f", -1, 0);
	if (is(deed, "chown same"))
		return chown("f", -1, -1);
	if (is(deed, "times now"))
		return utimensat(AT_FDCWD, "f", NULL, 0);
	if (is(deed, "times then"))
		return utimensat(AT_FDCWD, "f", then, 0);
	if (is(deed, "unlink"))
		return unlink("f");
	if (is(deed, "rename"))
		return rename("f", "g");
	if (is(deed, "link"))
		return link("f", "g");
	if (is(deed, "list"))
		return listxattr("f", room, sizeof(room));
	if (is(deed, "user attribute"))
		return setxattr("f", "user.x", "x", 1, 0);
	if (is(deed, "trusted attribute"))
		return setxattr("f", "trusted.x", "x", 1, 0);
	if (is(deed, "see trusted"))
		return getxattr("f", "trusted.x", room, sizeof(room));
	if (is(deed, "file capability"))
		return setxattr("f", "security.capability", capability, sizeof(capability), 0);
	if (is(deed, "no file capability"))
		return removexattr("f", "security.capability");
	if (is(deed, "same flags"))
		return flag(0);
	if (is(deed, "another flag"))
		return flag(1);
	if (is(deed, "lease"))
		return (file = opened("f", O_RDONLY)) < 0 ? -1 : fcntl(file, F_SETLEASE, F_RDLCK);
	exit(2);
}

int main(int argc, char **argv)
{
	struct stat now = { 0 };

	if (argc > 2)
		MUST(chdir(argv[2]));

	int result = does(word(argc, argv, 1)), why = result < 0 ? errno : 0;

	stat("f", &now);
	printf("%d: %o %d %d\n", why, now.st_mode, now.st_uid, now.st_gid);
	return 0;
}
