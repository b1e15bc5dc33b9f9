/* A 32-bit system call from a 64-bit program: chroot, by its 32-bit number. */
int main(void)
{
	long result = -1;

#ifdef __x86_64__
	__asm__ volatile("int $0x80" : "=a"(result) : "a"(61L), "b"("/") : "memory");
#endif
	return result == 0 ? 0 : 1;
}
