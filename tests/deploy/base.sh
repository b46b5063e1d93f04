# The base system of the image's build and of the machine that systemd runs on. It is made here, so that
# no registry is needed, and kept below the target directory.

# Programs of this machine that the tests use.
needed() {
  packages podman=podman runc=runc buildah=buildah debootstrap=debootstrap jq=jq curl=curl nsenter=util-linux \
    xz=xz-utils systemd-analyze=systemd
  ((EUID == 0)) || fail "run this as root: it makes containers"
  command -v cargo >/dev/null || fail "missing: Rust (https://rustup.rs)"
}

base_image() {
  needed
  engine image exists "$IMAGE-base" && return
  local tar=$WORK/base-bookworm.tar root=$WORK/base
  if ! [[ -s $tar ]]; then
    step "base system"
    rm -rf "$root"
    timeout 900 debootstrap --variant=minbase \
      --include=systemd,systemd-sysv,dbus,ca-certificates,gcc,libc6-dev,curl bookworm "$root" "$(mirror)" \
      >"$WORK/debootstrap.log" 2>&1 || { tail -n 5 "$WORK/debootstrap.log" >&2; fail "debootstrap"; }
    tar -C "$root" -c . >"$tar.new"
    mv "$tar.new" "$tar"
    rm -rf "$root"
  fi
  engine import --quiet \
    --change 'ENV PATH=/opt/rust/bin:/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin' \
    --change 'ENV CARGO_HOME=/opt/cargo' "$tar" "$IMAGE-base" >/dev/null
}

# This machine's Debian mirror.
mirror() {
  local found
  found=$(cat /etc/apt/sources.list.d/*.sources 2>/dev/null | sed -n 's/^URIs: *\([^ ]*\/debian\)\/* *$/\1/p' | head -n 1)
  echo "${found:-http://deb.debian.org/debian}"
}
