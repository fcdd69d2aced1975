/*
 * Moving a process between cgroups takes a lock of which the first writer after some idle time waits for an RCU grace period:
 * 7 to 13 ms, more than all the rest of a start (kernel/cgroup/cgroup.c, cgroup_threadgroup_rwsem; the mount option
 * favordynmods, which avoids it, would change the whole machine for good). While /sys/kernel/rcu_expedited is 1, such a wait is
 * over in some 20 microseconds, at the price of an interrupt on every cpu. So it is 1 just for the few writes of a start, and
 * left alone when an administrator has set it. Killed in between, we leave it at 1: correct, and no slower for anybody.
 */
#include "core.h"
#include "rcu.h"

static const char switch_path[] = "/sys/kernel/rcu_expedited";

bool rcu_hurry(void)
{
	char now[8];
	return read_file_at(AT_FDCWD, switch_path, now, sizeof(now)) > 0 && now[0] == '0' &&
	       write_file_at(AT_FDCWD, switch_path, "1", 1) == 0;
}

void rcu_relax(bool hurried)
{
	if (hurried)
		(void)write_file_at(AT_FDCWD, switch_path, "0", 1);
}
