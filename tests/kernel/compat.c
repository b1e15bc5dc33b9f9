/* A 32-bit system call from a 64-bit program: chroot, by its 32-bit number. */
int main(void)
{
	long result;

	__asm__ volatile("int $0x80" : "=a"(result) : "a"(61L), "b"("/") : "memory");
	return result == 0 ? 0 : 1;
}
