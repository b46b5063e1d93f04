# The image: built from the Dockerfile, then run as hardened as the README says.

readonly BINARY_IN_IMAGE=usr/local/bin/flowmend
readonly HARDENED=(--read-only --read-only-tmpfs=false --cap-drop all --security-opt no-new-privileges)

test_image() {
  base_image
  step "image: build"
  build_image
  step "image: contents"
  contents
  step "image: demo"
  demo
  step "image: killed and replaced"
  killed_and_replaced
  step "image: health, rights, stop"
  health
  rights
  stops
  remove daemon
  remove simulator
}

build_image() {
  local rust=$WORK/rust mounts
  if [[ $BINARY ]]; then
    stand_in_for_rust "$rust"
    mounts=(--volume "$(realpath "$rust"):/opt/rust:ro")
  else
    local registry=${CARGO_HOME:-$HOME/.cargo}/registry
    mkdir -p "$registry"
    mounts=(--volume "$(rustc --print sysroot):/opt/rust:ro" --volume "$registry:/opt/cargo/registry" \
      --volume /etc/ssl/certs:/etc/ssl/certs:ro)
  fi
  timeout 1200 buildah bud --isolation chroot --format docker --build-arg "BUILDER=$IMAGE-base" \
    --build-arg "REVISION=$(revision)" "${mounts[@]}" --tag "$IMAGE" . >"$WORK/build.log" 2>&1 ||
    { tail -n 30 "$WORK/build.log" >&2; fail "the image builds"; }
  passed "the image builds"
}

revision() { git rev-parse --short=12 HEAD 2>/dev/null || echo unknown; }

# A cargo that "compiles" by copying the binary.
stand_in_for_rust() {
  rm -rf "$1"
  mkdir -p "$1/bin"
  cp "$BINARY" "$1/flowmend"
  printf '#!/bin/sh\necho host: here\n' >"$1/bin/rustc"
  printf '#!/bin/sh\nmkdir -p target/here/release && cp /opt/rust/flowmend target/here/release/\n' >"$1/bin/cargo"
  chmod +x "$1"/bin/*
}

contents() {
  local files size version
  engine create --name "$NAME-files" --label "$NAME" "$IMAGE" >/dev/null
  files=$(engine export "$NAME-files" | tar -t | grep -v '/$' | grep -v -E '^(dev|etc/(hosts|hostname|resolv.conf|mtab)|proc|run|sys)(/|$)' | sort | xargs)
  remove files
  expect "only the program and the CA certificates are in it ($files)" \
    test "$files" = "etc/ssl/certs/ca-certificates.crt $BINARY_IN_IMAGE"
  size=$(engine image inspect --format '{{.Size}}' "$IMAGE")
  expect "it is at most 25 MB ($((size / 1000)) kB)" test "$size" -le 25000000
  version=$(cargo metadata --locked --no-deps --format-version 1 | jq -r '.packages[0].version')
  expect "its labels name version and revision" test "$(label version) $(label revision)" = "$version $(revision)"
}

label() { engine image inspect --format "{{index .Labels \"org.opencontainers.image.$1\"}}" "$IMAGE"; }

demo() {
  container demo "${HARDENED[@]}" --network none "$IMAGE" demo --for 15s
  eventually 60 "the demo ends" has_exited demo
  expect "with exit code 0" test "$(engine inspect --format '{{.State.ExitCode}}' "$NAME-demo")" = 0
  # Read as a whole: a reader that stops early would fail the pipe.
  expect "after a recovery" grep -q recovered <<<"$(engine logs "$NAME-demo" 2>&1)"
  remove demo
}

has_exited() { [[ $(engine inspect --format '{{.State.Status}}' "$NAME-$1") == exited ]]; }

# The daemon shares the loopback network of the simulator, because it sends credentials over plain HTTP
# to loopback addresses only.
killed_and_replaced() {
  configure
  container simulator "${HARDENED[@]}" --network none "$IMAGE" simulate
  eventually 30 "the simulator answers" get simulator http://127.0.0.1:8322/simulator/ledger
  start_daemon
  local before round
  for round in 1 2 3; do
    before=$(accepted simulator)
    eventually 60 "round $round: it re-triggers" accepted_at_least simulator $((before + 2))
    engine kill --signal KILL "$NAME-daemon" >/dev/null
    remove daemon
    start_daemon
  done
  before=$(accepted simulator)
  eventually 60 "the last daemon re-triggers" accepted_at_least simulator $((before + 2))
  expect "no failed run was re-triggered twice" nothing_doubled simulator
  eventually 30 "the store has every accepted re-trigger" store_has_all
  expect "the daemons after the first found their store" not grep -q "new store" <<<"$(engine logs "$NAME-daemon" 2>&1)"
}

configure() {
  mkdir -p "$WORK/etc"
  { simulator_config && printf '[http]\nlisten = "127.0.0.1:8321"\n'; } >"$WORK/etc/flowmend.toml"
  printf 'simulated-secret\n' >"$WORK/etc/client_secret"
  chown -R 10001:10001 "$WORK/etc"
  chmod -R u=rX,go= "$WORK/etc"
}

start_daemon() {
  container daemon "${HARDENED[@]}" --network "container:$NAME-simulator" --stop-timeout 60 \
    --env FLOWMEND__ADOBE__CLIENT_SECRET_FILE=/etc/flowmend/client_secret \
    --volume "$(realpath "$WORK/etc"):/etc/flowmend:ro" --volume "$NAME-state:/var/lib/flowmend" "$IMAGE"
}

# Every new run of the simulator is an attempt of the store.
store_has_all() {
  local stored
  stored=$(in_container daemon /usr/local/bin/flowmend status --all --json | jq '[.recoveries[].attempts[].new_run_id] | sort')
  get simulator http://127.0.0.1:8322/simulator/ledger |
    jq --exit-status --argjson stored "$stored" \
      '[.retriggers[].outcome.accepted.new_run_id // empty] - $stored == []' >/dev/null
}

health() {
  eventually 30 "the health check passes" engine healthcheck run "$NAME-daemon"
  engine kill --signal STOP "$NAME-daemon" >/dev/null
  expect "the health check fails for a stopped process" not engine healthcheck run "$NAME-daemon"
  engine kill --signal CONT "$NAME-daemon" >/dev/null
  eventually 30 "and passes when it continues" engine healthcheck run "$NAME-daemon"
}

rights() {
  local status
  status=$(cat "/proc/$(pid_of daemon)/status")
  expect "it runs as user 10001" grep -qP '^Uid:\t10001\t10001\t10001\t10001$' <<<"$status"
  expect "in group 10001" grep -qP '^Gid:\t10001\t10001\t10001\t10001$' <<<"$status"
  expect "without capabilities" grep -qP '^Cap(Eff|Prm|Bnd):\t0+$' <<<"$status"
  expect "it cannot write to the root file system" grep -q ' / [^ ]*ro[, ]' "/proc/$(pid_of daemon)/mountinfo"
  expect "there is no shell" not in_container daemon /bin/sh -c true
}

stops() {
  local begin=$SECONDS
  engine stop "$NAME-daemon" >/dev/null
  expect "it stops within its time" test $((SECONDS - begin)) -le 10
  expect "with exit code 0" test "$(engine inspect --format '{{.State.ExitCode}}' "$NAME-daemon")" = 0
}
