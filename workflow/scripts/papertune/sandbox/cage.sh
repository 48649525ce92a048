# Runs in new namespaces (mount, pid, net, ipc, uts; user unless run by root) and makes a root of its own.
# Arguments: an empty folder that becomes the root, bytes of the scratch folder, the user for the command
# (empty: unchanged), visible files and folders (joined by ":"), options of prlimit (joined by ":"), --,
# the command.
set -eu
top=$1 size=$2 user=$3 seen=$4 limits=$5
shift 6
PATH=$PATH:/usr/sbin:/sbin

mount --make-rprivate /
mount -t tmpfs -o mode=755,size=1m,nr_inodes=4096 tmpfs "$top"
root=$top/in
mkdir -p "$root/proc" "$root/dev" "$root/tmp" "$root/old"
IFS=:
for path in $seen; do
  mkdir -p "$root$(dirname "$path")"
  if [ -L "$path" ]; then  # /bin, if it is a link into /usr
    ln -s "$(readlink "$path")" "$root$path"
    continue
  elif [ -d "$path" ]; then
    mkdir -p "$root$path"
  else
    touch "$root$path"
  fi
  mount --bind "$path" "$root$path"
  mount -o remount,bind,ro,nosuid,nodev "$root$path"
done
# only its own processes; impossible in a container that hides parts of its own /proc
mount -t proc -o nosuid,nodev,noexec proc "$root/proc" 2> /dev/null || true
for device in null zero urandom; do
  touch "$root/dev/$device"
  mount --bind "/dev/$device" "$root/dev/$device"
done
mount -t tmpfs -o "mode=777,size=$size,nr_inodes=1024,nosuid,nodev" tmpfs "$root/tmp"
# remount only the mount (bind): with mapped users, the owner of the file system itself has no name
for name in usr bin sbin lib lib64; do
  ln -s "in/$name" "$top/$name"  # for chroot
done
mount -o remount,bind,ro "$top"

cd "$top"
pivot_root . in/old
cd /in
# within a chroot, nobody can make user namespaces, which would allow mounts
# shellcheck disable=SC2086  # options, one word each between colons
exec chroot . sh -c 'umount -l /old && cd /tmp && unset OLDPWD && exec "$@"' sh prlimit $limits -- \
  setpriv ${user:+--reuid=$user:--regid=$user:--clear-groups} \
  --no-new-privs --bounding-set=-all --inh-caps=-all --ambient-caps=-all -- "$@"
