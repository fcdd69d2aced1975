/*
 * Moving a process between cgroups takes a lock of which the first writer after some idle time waits for an RCU grace period:
 * 7 to 13 ms, more than all the rest of a start (kernel/cgroup/cgroup.c, cgroup_threadgroup_rwsem; the mount option
 * favordynmods, which avoids it, would change the whole machine for good). While /sys/kernel/rcu_expedited is 1, such a wait is
 * over in some 20 microseconds, at the price of an interrupt on every cpu. So it is 1 just for the few writes of a start, and
 * left alone when an administrator has set it.
 *
 * Whose the 1 is stands in a file for all instances of the machine: `1` while it is ours. Whoever set it holds the file's lock, which
 * ends with its life; so a `1` that nobody holds is what a killed start left, and the next one, or the next launcher, puts it right.
 */
#include <sys/file.h>

#include "core.h"
#include "rcu.h"

static const char note[] = "/run/gantry-rcu";

static bool says(int fd, char wanted)
{
	char now = 0;
	return pread(fd, &now, 1, 0) == 1 && now == wanted;
}

static bool say(int fd, char value)
{
	return pwrite(fd, &value, 1, 0) == 1;
}

/* Locks the note. False when another holds it, who has made grace periods short already, or when there is none to be had. */
static bool open_note(struct rcu_hurry *hurry, int flags)
{
	hurry->setting = open("/sys/kernel/rcu_expedited", O_RDWR | O_CLOEXEC);
	hurry->note = hurry->setting < 0 ? -1 : open(note, O_RDWR | O_CLOEXEC | O_NOFOLLOW | flags, 0600);
	if (hurry->note >= 0 && flock(hurry->note, LOCK_EX | LOCK_NB) == 0)
		return true;
	close_fd(&hurry->setting);
	close_fd(&hurry->note);
	return false;
}

struct rcu_hurry rcu_hurry(void)
{
	struct rcu_hurry hurry = {-1, -1};
	if (!open_note(&hurry, O_CREAT))
		return hurry;
	/* The note first: killed between the two, a 0 is put back where there is one. */
	if (says(hurry.note, '1') || (says(hurry.setting, '0') && say(hurry.note, '1') && say(hurry.setting, '1')))
		return hurry;
	close_fd(&hurry.setting);
	close_fd(&hurry.note);
	return hurry;
}

/* By descriptor: an exec is in the container's mount namespace by now, where the files are read-only or not there. */
void rcu_relax(struct rcu_hurry *hurry)
{
	if (hurry->note >= 0 && say(hurry->setting, '0'))
		say(hurry->note, '0');
	/* A fork of ours may hold the note open as well: its lock is not to wait for that one's end. */
	if (hurry->note >= 0)
		flock(hurry->note, LOCK_UN);
	close_fd(&hurry->setting);
	close_fd(&hurry->note);
}

void rcu_repair(void)
{
	struct rcu_hurry left = {-1, -1};
	if (!open_note(&left, 0))
		return;
	if (!says(left.note, '1')) {
		close_fd(&left.setting);
		close_fd(&left.note);
		return;
	}
	rcu_relax(&left);
}
