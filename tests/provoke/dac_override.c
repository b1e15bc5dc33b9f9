/* DAC_OVERRIDE: writes to a file whose mode lets nobody. (To read, DAC_READ_SEARCH serves as well.) */
#include "provoke.h"

int main(void)
{
	MUST(close(MUST(creat("closed", 0))));
	int file = open("closed", O_WRONLY), refused = errno;

	MUST(unlink("closed"));
	errno = refused;
	MUST(file);
	return 0;
}
