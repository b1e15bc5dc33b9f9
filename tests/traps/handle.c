/* Opens f by its handle (open_by_handle_at(2)), which takes DAC_READ_SEARCH and nothing instead. */
#include "trap.h"

int main(void)
{
	union {
		struct file_handle handle;
		char room[sizeof(struct file_handle) + MAX_HANDLE_SZ];
	} asked = { .handle.handle_bytes = MAX_HANDLE_SZ };
	int mount, folder = MUST(open(".", O_RDONLY | O_DIRECTORY));

	MUST(name_to_handle_at(AT_FDCWD, "f", &asked.handle, &mount, 0));
	MUST(open_by_handle_at(folder, &asked.handle, O_RDONLY));
	return 0;
}
