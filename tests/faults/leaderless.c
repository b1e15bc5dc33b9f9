/* Its first thread ends; another one waits for a letter, makes one check of SETPCAP, and ends it all. */
#include <pthread.h>
#include <stdio.h>
#include <sys/prctl.h>
#include <unistd.h>

static pthread_t first;

static void *goes_on(void *nothing)
{
	char letter;

	pthread_join(first, 0);
	puts("r");
	fflush(stdout);
	while (read(0, &letter, 1) == 1) {
		prctl(PR_CAPBSET_DROP, 99);
		printf("%c\n", letter);
		fflush(stdout);
	}
	_exit(3);
	return nothing;
}

int main(void)
{
	pthread_t other;

	first = pthread_self();
	if (pthread_create(&other, 0, goes_on, 0))
		return 1;
	pthread_exit(0);
}
