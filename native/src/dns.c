/*
 * gantry-dns. The launcher starts it (net_keeper.c) with the agent's socket as descriptor 3 and the one that brings sockets of
 * containers as descriptor 4. It ends when the agent says so, and by itself when no container is left to it and nobody is connected.
 */
#include "dns.h"

#include <stdio.h>
#include <sys/syscall.h>

#include "core.h"

enum { CONTROL = 3, GIVER = 4 };

static const unsigned short calls[] = {
	SYS_epoll_wait, SYS_epoll_ctl, SYS_accept4, SYS_socket, SYS_connect, SYS_read, SYS_write, SYS_sendto, SYS_recvfrom, SYS_recvmsg,
	SYS_getrandom, SYS_close, SYS_brk, SYS_mmap, SYS_munmap, SYS_mremap, SYS_madvise, SYS_clock_gettime, SYS_rt_sigreturn,
	SYS_exit_group, SYS_restart_syscall, SYS_futex,
};

/* The earlier of two times to wait; -1 is for ever. */
static int sooner(int a, int b)
{
	return a < 0 || (b >= 0 && b < a) ? b : a;
}

int main(void)
{
	if (control_open(CONTROL) < 0 || doors_open(GIVER) < 0 || give_up_privileges(0, calls, ARRAY_SIZE(calls)) < 0) {
		perror("gantry-dns");
		return 1;
	}
	while (clients || keeper_has_agent()) {
		const int until = sooner(forward_expire(), conversations_expire());
		keeper_turn(clients ? until : sooner(until, FIRST_CONNECTION_MS));
	}
	return 0;
}
