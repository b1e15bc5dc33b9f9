/* A seccomp filter that allows everything: seccomp|prctl [no_new_privs]. Without no_new_privs it takes
 * SYS_ADMIN, which the kernel asks for without audit, as it does where nothing depends on the answer. */
#include "trap.h"
#include <linux/filter.h>
#include <linux/seccomp.h>

int main(int argc, char **argv)
{
	struct sock_filter allow = BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ALLOW);
	struct sock_fprog program = { 1, &allow };

	if (is(word(argc, argv, 2), "no_new_privs"))
		MUST(prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0));
	if (is(word(argc, argv, 1), "prctl"))
		MUST(prctl(PR_SET_SECCOMP, SECCOMP_MODE_FILTER, &program, 0, 0));
	else
		MUST(syscall(SYS_seccomp, SECCOMP_SET_MODE_FILTER, 0, &program));
	return 0;
}
