#!/bin/sh
# Builds the image of the Dockerfile without a docker engine, and runs it as it is meant to be run: as user 10001, with a read-only
# root and no rights but to take ports below 1024, in a network namespace of its own, where dig asks it at port 53.
#
# Needs root, and from Debian: buildah debootstrap dnsutils iproute2 curl. Run it in a checkout after `npm ci`:
#   sh packaging/build-image.sh
# The base image is made here, under the name the Dockerfile asks for: Debian's packages, and the Node and npm of this machine.
set -eu
cd "$(dirname "$0")/.."
WORK=$(mktemp -d)
STORE="--storage-driver vfs --root $WORK/store --runroot $WORK/run"
NS=kadns-image-$$
cleanup() {
  [ -z "${PID:-}" ] || kill "$PID" 2>/dev/null || true
  ip netns del "$NS" 2>/dev/null || true
  [ -z "${MOUNTED:-}" ] || buildah $STORE umount "$MOUNTED" >/dev/null 2>&1 || true
  rm -rf "$WORK"
}
trap cleanup EXIT INT TERM

NODE=$(readlink -f node_modules/.bin/node || command -v node) # of `npm ci`, which brings the Node that the image is for
NPM=$(dirname "$(dirname "$(readlink -f "$(command -v npm)")")")
echo "base: Debian bookworm, Node $("$NODE" --version), npm $(npm --version 2>/dev/null)"
ROOTFS=${BASE_ROOTFS:-$WORK/rootfs} # one that debootstrap has made before, to save time
[ -d "$ROOTFS/bin" ] || debootstrap --variant=minbase --include=ca-certificates,libstdc++6 bookworm "$ROOTFS" >"$WORK/debootstrap.log"
BASE=$(buildah $STORE from scratch)
buildah $STORE add -q "$BASE" "$ROOTFS" / >/dev/null
buildah $STORE add -q "$BASE" "$(readlink -f "$NODE")" /usr/local/bin/node >/dev/null
buildah $STORE add -q "$BASE" "$NPM" /usr/local/lib/node_modules/npm >/dev/null
# It trusts whom this machine trusts: there may be a proxy with an authority of its own between it and the registry.
buildah $STORE add -q "$BASE" /etc/ssl/certs/ca-certificates.crt /etc/ssl/certs/ca-certificates.crt >/dev/null
buildah $STORE run --isolation chroot "$BASE" -- ln -s ../lib/node_modules/npm/bin/npm-cli.js /usr/local/bin/npm
buildah $STORE config --env NODE_EXTRA_CA_CERTS=/etc/ssl/certs/ca-certificates.crt --env PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin "$BASE"
buildah $STORE commit -q "$BASE" docker.io/library/node:24-slim >/dev/null
buildah $STORE rm "$BASE" >/dev/null

buildah $STORE bud --isolation chroot --pull-never --format docker -q -t kadns . >/dev/null
buildah $STORE images
MOUNTED=$(buildah $STORE from --pull-never kadns)
TREE=$(buildah $STORE mount "$MOUNTED")
echo "what the image adds to its base: $(du -sm "$TREE/app" | cut -f1) MB in /app"

# The entry point under the image's own limits.
ip netns add "$NS"
ip -n "$NS" link set lo up
mkdir -p "$WORK/data" && chown 10001:10001 "$WORK/data" && chmod 700 "$WORK/data"
ip netns exec "$NS" unshare --mount sh -c "
  mount --bind '$TREE' '$TREE' && mount --bind '$WORK/data' '$TREE/data' &&
  mount -t tmpfs tmpfs '$TREE/dev' && mknod -m 666 '$TREE/dev/null' c 1 3 && mknod -m 666 '$TREE/dev/urandom' c 1 9 &&
  mount -t proc proc '$TREE/proc' && mount -o remount,bind,ro '$TREE' &&
  cd '$TREE' && exec chroot '$TREE' /usr/bin/env -i -C /app PATH=/usr/local/bin:/usr/bin:/bin NODE_ENV=production \
    KADNS_CONFIG=/app/config/production.toml NODE_COMPILE_CACHE=/data/compiled KADNS_UPSTREAM_SERVERS= \
    setpriv --reuid 10001 --regid 10001 --clear-groups --no-new-privs --bounding-set -all,+net_bind_service \
    --inh-caps -all,+net_bind_service --ambient-caps -all,+net_bind_service node bin/kadns.js up
" >"$WORK/log" 2>&1 &
PID=$!

in_image() { ip netns exec "$NS" "$@"; }
tries=0
until in_image dig @127.0.0.1 localhost A +short +time=1 +tries=1 2>/dev/null | grep -qx 127.0.0.1; do
  tries=$((tries + 1))
  [ $tries -lt 60 ] || { echo "it does not answer:"; cat "$WORK/log"; exit 1; }
  sleep 1
done
RUNNING=$PID # each step above has become the next
echo "port 53 answers over UDP and TCP: $(in_image dig @127.0.0.1 localhost A +short) $(in_image dig +tcp @127.0.0.1 localhost AAAA +short)"
echo "uid, capabilities: $(awk '/^Uid|^CapEff|^CapBnd|^NoNewPrivs/ { print $1 $2 }' "/proc/$RUNNING/status" | tr '\n' ' ')"
nsenter -t "$RUNNING" -m -r -w sh -c 'touch /app/x' 2>&1 | sed 's/^/root is read-only: /'
in_image curl -s http://127.0.0.1:8053/healthz && echo
nsenter -t "$RUNNING" -m -n -r -w sh -c 'cd /app && KADNS_CONFIG=/app/config/production.toml node bin/kadns.js resolve localhost' && echo 'the health check is well'
kill -TERM "$RUNNING"
wait "$PID" && echo "stopped by SIGTERM with 0" || { echo "stopped by SIGTERM with $?"; exit 1; }
PID=
