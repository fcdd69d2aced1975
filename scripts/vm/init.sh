#!/bin/busybox sh
# Process 1 of the virtual machine, in its initramfs: puts a writable overlay on the host's root file system (shared
# read-only by 9p), gives it the kernel's file systems and the unified cgroup hierarchy, and runs /command there.
export PATH=/bin
/bin/busybox mkdir -p /proc /sys /dev /lower /data /results /new
/bin/busybox mount -t proc proc /proc
/bin/busybox --install -s /bin
mount -t sysfs sysfs /sys
mount -t devtmpfs dev /dev
die() { echo "vm: $*" >/dev/console; sync; poweroff -f; sleep 60; }
while read -r module; do insmod "/modules/$module" 2>/dev/null; done </modules/order
if grep -qw gantry.probe /proc/cmdline; then echo gantry-probe-ok >/dev/console; poweroff -f; sleep 60; fi
. /settings

share() { mount -t 9p -o "trans=virtio,version=9p2000.L,msize=262144,$3" "$1" "$2" || die "cannot mount the share $1"; }
tries=0
until [ -b /dev/vda ]; do
  tries=$((tries + 1)); [ $tries -gt 300 ] && die "the data disk did not appear"
  sleep 0.1
done
share root /lower ro,access=any,cache=loose
share results /results rw,access=any,cache=none
mount -t ext4 -o noinit_itable /dev/vda /data || die "cannot mount the data disk"
mkdir -p /data/upper /data/work /data/tmp /data/var-tmp /data/var-lib
chmod 1777 /data/tmp /data/var-tmp
mount -t overlay -o lowerdir=/lower,upperdir=/data/upper,workdir=/data/work root /new || die "cannot stack the root"
# Overlay does not stack on overlay: where the engine and its tests keep files is plain ext4.
mkdir -p "/new/tmp" "/new/var/tmp" "/new/var/lib" "/new/run" "/new$MODULES_TARGET"
mount -o bind /data/tmp /new/tmp
mount -o bind /data/var-tmp /new/var/tmp
mount -o bind /data/var-lib /new/var/lib
mount -o bind "/lower$MODULES_SOURCE" "/new$MODULES_TARGET"
mount -t tmpfs -o nosuid,nodev,mode=755 run /new/run
mkdir -p /new/run/vm /new/run/lock
mount --move /results /new/run/vm
case $WORKDIR in /tmp/*|/var/tmp/*|/var/lib/*|/run/*)
  mkdir -p "/new$WORKDIR" /data/workdir/upper /data/workdir/work
  mount -t overlay -o "lowerdir=/lower$WORKDIR,upperdir=/data/workdir/upper,workdir=/data/workdir/work" workdir "/new$WORKDIR" || die "cannot show $WORKDIR" ;;
esac
cp /command /bin/busybox /new/run/
for tree in dev proc sys; do mount --move /$tree /new/$tree; done
exec switch_root /new /run/busybox sh -c '
  export PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin
  bb=/run/busybox
  for link in fd:/proc/self/fd stdin:fd/0 stdout:fd/1 stderr:fd/2; do [ -e /dev/${link%%:*} ] || $bb ln -s ${link#*:} /dev/${link%%:*}; done
  $bb mkdir -p /dev/pts /dev/shm /dev/mqueue
  $bb mount -t devpts -o mode=620,gid=5,ptmxmode=666,nosuid,noexec devpts /dev/pts
  $bb mount -t tmpfs -o nosuid,nodev,mode=1777 shm /dev/shm
  $bb mount -t mqueue mqueue /dev/mqueue
  $bb mount -t cgroup2 -o nsdelegate,memory_recursiveprot,nosuid,nodev,noexec cgroup2 /sys/fs/cgroup
  $bb mount -t bpf bpf /sys/fs/bpf
  $bb mount -t securityfs securityfs /sys/kernel/security
  $bb mount --make-rshared /
  $bb ip link set lo up
  $bb hostname gantry-vm
  echo /sbin/modprobe >/proc/sys/kernel/modprobe
  # Devices that init systems make for modules which are loaded on their first use.
  modprobe -a fuse loop
  # As an init system leaves it: everything outside the root group, controllers handed down.
  $bb mkdir -p /sys/fs/cgroup/init.scope /sys/fs/cgroup/system.slice/test.service
  echo 1 >/sys/fs/cgroup/init.scope/cgroup.procs
  for group in /sys/fs/cgroup /sys/fs/cgroup/system.slice; do
    for name in $($bb cat $group/cgroup.controllers); do echo "+$name" >$group/cgroup.subtree_control; done
  done 2>/dev/null
  $bb setsid $bb sh -c "echo 0 >/sys/fs/cgroup/system.slice/test.service/cgroup.procs; exec $bb sh /run/command" >/run/vm/output 2>&1 </dev/null
  echo $? >/run/vm/status
  $bb sync
  $bb poweroff -f
'
