/* Prints /proc/self/status, as the entrypoint of a container: what the process holds after its execve.
   With a word behind it, waits to be killed: the process that holds a pod together.
   No busybox: set-uid, that gives its privilege up by itself. */
#include <fcntl.h>
#include <unistd.h>

int main(int words, char **arguments)
{
	char text[8192];
	ssize_t length;
	int file = open("/proc/self/status", O_RDONLY);

	(void)arguments;
	while (words > 1)
		pause();
	if (file < 0)
		return 1;
	while ((length = read(file, text, sizeof text)) > 0)
		if (write(1, text, length) != length)
			return 2;
	return length < 0;
}
