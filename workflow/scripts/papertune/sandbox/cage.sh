# What is run within new namespaces (mount, pid, net, ipc, uts; user unless by root): a root of its own.
# Arguments: an empty folder that becomes the root, bytes of the scratch folder, the user that runs it
# (empty: as it is), folders to be seen (joined by ":"), limits of prlimit (joined by ":"), --, the command.
set -eu
root=$1 size=$2 user=$3 seen=$4 limits=$5
shift 6
PATH=$PATH:/usr/sbin:/sbin

mount --make-rprivate /
mount -t tmpfs -o mode=755,size=1m,nr_inodes=4096 tmpfs "$root"
IFS=:
for path in $seen; do
  if [ -L "$path" ]; then  # /bin, where it is a part of /usr
    mkdir -p "$root$(dirname "$path")"
    ln -s "$(readlink "$path")" "$root$path"
  elif [ -d "$path" ]; then
    mkdir -p "$root$path"
    mount --bind "$path" "$root$path"
    mount -o remount,bind,ro,nosuid,nodev "$root$path"
  fi
done
mkdir -p "$root/proc" "$root/dev" "$root/tmp" "$root/old"
mount -t proc -o nosuid,nodev,noexec proc "$root/proc"
for device in null zero urandom; do
  touch "$root/dev/$device"
  mount --bind "/dev/$device" "$root/dev/$device"
done
mount -t tmpfs -o "mode=777,size=$size,nr_inodes=1024,nosuid,nodev" tmpfs "$root/tmp"
mount -o remount,ro "$root"

cd "$root"
pivot_root . old
umount -l /old
cd /tmp
# shellcheck disable=SC2086  # options, a word each between colons
exec prlimit $limits -- setpriv ${user:+--reuid=$user:--regid=$user:--clear-groups} \
  --no-new-privs --bounding-set=-all --inh-caps=-all --ambient-caps=-all -- "$@"
