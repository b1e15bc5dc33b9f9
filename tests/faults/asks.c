/* Does what it is told, a letter of standard input at a time, and says that letter when it is done;
 * `r` once it is ready. At the end of its input it exits with 3. */
#include <signal.h>
#include <stdio.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <unistd.h>

int main(int count, char **words)
{
	char letter;

	(void)count;
	setvbuf(stdout, 0, _IONBF, 0);
	puts("r");
	while (read(0, &letter, 1) == 1) {
		pid_t child = 0;

		switch (letter) {
		case 'p': /* one check of SETPCAP, and EINVAL: there is no capability 99 */
			prctl(PR_CAPBSET_DROP, 99);
			break;
		case 'c': /* one check of SYS_CHROOT */
			if (chroot("/"))
				puts("refused");
			break;
		case 'k': /* a child that makes one check of SETPCAP and ends; its number is said, too */
			child = fork();
			if (!child) {
				prctl(PR_CAPBSET_DROP, 99);
				_exit(0);
			}
			waitpid(child, 0, 0);
			printf("%d\n", child);
			break;
		case 'z': /* a child that is not waited for; its number is said, too */
			child = fork();
			if (!child)
				_exit(0);
			printf("%d\n", child);
			break;
		case 'w': /* waits for a child */
			wait(0);
			break;
		case 'b': /* a child that goes on as long as its parent; its number is said, too */
			child = fork();
			if (!child)
				prctl(PR_SET_PDEATHSIG, SIGKILL);
			while (!child)
				pause();
			printf("%d\n", child);
			break;
		case 'x': /* begins anew */
			execv(words[0], words);
			break;
		case '\n':
			continue;
		}
		printf("%c\n", letter);
	}
	return 3;
}
