/*
 * Moving a process between cgroups takes a lock of which the first writer after some idle time waits for an RCU grace period:
 * 7 to 13 ms, more than all the rest of a start (kernel/cgroup/cgroup.c, cgroup_threadgroup_rwsem; the mount option
 * favordynmods, which avoids it, would change the whole machine for good). While /sys/kernel/rcu_expedited is 1, such a wait is
 * over in some 20 microseconds, at the price of an interrupt on every cpu. So it is 1 just for the few writes of a start, and
 * left alone when an administrator has set it. Killed in between, we leave it at 1: correct, and no slower for anybody.
 */
#include "core.h"
#include "rcu.h"

int rcu_hurry(void)
{
	char now = '1';
	fd_auto int fd = open("/sys/kernel/rcu_expedited", O_RDWR | O_CLOEXEC);
	if (fd < 0 || pread(fd, &now, 1, 0) != 1 || now != '0' || pwrite(fd, "1", 1, 0) != 1)
		return -1;
	return steal_fd(&fd);
}

/* By descriptor: an exec is in the container's mount namespace by now, where the file is read-only or not there. */
void rcu_relax(int hurried)
{
	fd_auto int fd = hurried;
	if (fd >= 0 && pwrite(fd, "0", 1, 0) != 1)
		return; /* nothing is lost by it */
}
