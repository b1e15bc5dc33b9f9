/* DAC_READ_SEARCH: opens by handle, which passes by every folder on the way (open_by_handle_at(2)). A file
 * that the mode closes is read with DAC_OVERRIDE as well. */
#include "provoke.h"

int main(void)
{
	union {
		struct file_handle handle;
		char room[sizeof(struct file_handle) + MAX_HANDLE_SZ];
	} here = { .handle.handle_bytes = MAX_HANDLE_SZ };
	int mount;

	MUST(name_to_handle_at(AT_FDCWD, ".", &here.handle, &mount, 0));
	MUST(open_by_handle_at(AT_FDCWD, &here.handle, O_RDONLY));
	return 0;
}
