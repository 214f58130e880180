#!/bin/sh
# npm run os: `kadns os` against a real systemd-resolved: our names resolve by getent and by its own port, and /etc is as it was found.
# Needs root, Linux, systemd-resolved, dbus-daemon, dig and jq. All of it happens in namespaces of its own, with an /etc of its own.
set -eu
cd "$(dirname "$0")/../.."
if [ "${1:-}" != inside ]; then
  exec unshare --mount --net --pid --fork --mount-proc "$0" inside
fi

work=$(mktemp -d)
mount -t tmpfs none "$work"
mkdir "$work/etc" "$work/up" "$work/lower" "$work/lib"
# Nothing of the machine's own is written: what changes lies in memory.
mount -t overlay overlay -o "lowerdir=/etc,upperdir=$work/up,workdir=$work/lower" /etc 2>/dev/null ||
  { cp -a /etc/. "$work/etc" && mount --bind "$work/etc" /etc; }
mount --bind "$work/lib" /var/lib
mount -t tmpfs none /run
mkdir -p /run/dbus /run/systemd/resolve
chown systemd-resolve:systemd-resolve /run/systemd/resolve

# systemd-resolved asks nobody on a machine without a network.
ip link set lo up
ip link add wire0 type veth peer name wire1
ip link set wire1 up && ip address add 192.168.77.2/24 dev wire0 && ip link set wire0 up

rm -f /etc/resolv.conf && ln -s ../run/systemd/resolve/stub-resolv.conf /etc/resolv.conf

fingerprint() {
  find /etc | sort | while read -r file; do
    stat -c '%n %a %u:%g %F %N' "$file"
    if [ -f "$file" ] && [ ! -L "$file" ]; then sha256sum < "$file"; fi
  done
}

# There is no systemd here that could start it anew.
start_resolved() {
  if [ -n "${resolved:-}" ]; then kill "$resolved" && wait "$resolved" || true; fi
  /lib/systemd/systemd-resolved >"$work/resolved.log" 2>&1 &
  resolved=$!
  until dig +tries=1 +time=1 @127.0.0.53 localhost >/dev/null; do sleep 0.2; done
}

fingerprint > "$work/before"
dbus-daemon --system --fork --nopidfile
start_resolved
node bin/kadns.js up --data "$work/node" --upstream-servers '' --dht-listen /ip4/127.0.0.1/tcp/0 2>"$work/node.log" &
node=$!
until node bin/kadns.js resolve localhost >/dev/null 2>&1; do sleep 0.2; done
key=$(printf 'www 300 IN A 192.0.2.77\n' > "$work/zone" && node bin/kadns.js zone create "$work/zone" --data "$work/node" 2>/dev/null)

echo "before: getent says \"$(getent ahostsv4 "www.$key.kad.alt" | head -1)\""
node bin/kadns.js os activate --yes 2>"$work/said" || { cat "$work/said"; exit 1; }
start_resolved
found=$(dig +short @127.0.0.53 "www.$key.kad.alt")
echo "after activate: its port says \"$found\", getent \"$(getent ahostsv4 "www.$key.kad.alt" | head -1)\""
node bin/kadns.js os deactivate --yes 2>"$work/said" || { cat "$work/said"; exit 1; }
fingerprint > "$work/after"
kill "$node" "$resolved"
wait || true
[ "$found" = 192.0.2.77 ] || { echo 'MISSED: the name was not answered'; exit 1; }
cmp "$work/before" "$work/after" || { echo 'MISSED: /etc is not as it was found'; exit 1; }
echo "after deactivate: /etc is as it was found, $(wc -l < "$work/after") lines of names, rights and hashes"
