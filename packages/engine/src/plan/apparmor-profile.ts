/** Name of the profile, the same for every instance on a host: what it allows does not hang on who started a container. */
export const defaultProfile = 'gantry-default'

/**
 * What a container may do besides what capabilities, seccomp and mounts keep from it: a second lock on the ways from a container's
 * root to the host's kernel, which holds also where another lock was opened (`--cap-add SYS_ADMIN`, `systempaths=unconfined`).
 * Rules of denial win over the others (apparmor.d(5)). It includes nothing, so that it compiles whatever else the host has.
 * attach_disconnected: descriptors may come from outside of the container's mounts; mediate_deleted: and from files without a name.
 */
export const defaultProfileText = `profile ${defaultProfile} flags=(attach_disconnected,mediate_deleted) {
  # What is not named here is left to the container's other locks.
  file,
  network,
  capability,
  umount,

  # Nothing is mounted, moved or mounted anew, whatever capability was added.
  deny mount,
  deny pivot_root,

  # Among a host's processes a container reaches its likes, and whoever manages it reaches in.
  ptrace (trace, read, tracedby, readby) peer=${defaultProfile},
  signal (send, receive) peer=${defaultProfile},
  signal (receive) peer=unconfined,

  # procfs: its own processes are written to as usual (/proc/PID, where /proc/self leads), of the kernel's settings only shared memory's.
  deny /proc/* w,
  deny /proc/{[^0-9s],s[^y],sy[^s],sys[^/]}*/** w,
  deny /proc/sys/{[^k],k[^e],ke[^r]}** w,
  deny /proc/sys/kernel/{[^s],s[^h],sh[^m]}** w,
  deny /proc/{kcore,sysrq-trigger,kmem,mem} rwklx,
  deny /proc/{acpi,scsi}/{,**} rwklx,

  # sysfs: nothing is set but in the container's own control groups.
  deny /sys/[^f]** wklx,
  deny /sys/f[^s]** wklx,
  deny /sys/fs/{[^c],c[^g]}** wklx,
  deny /sys/{firmware,kernel/security,devices/virtual/powercap}/{,**} rwklx,
}
`
