# Shared by the deployment tests: output, waiting, containers, cleaning up.

readonly WORK=${CARGO_TARGET_DIR:-target}/deploy
readonly NAME=flowmend-test
readonly IMAGE=localhost/$NAME

step() { printf '\n=== %s (%s s)\n' "$1" "$SECONDS"; }
passed() { printf 'ok      %s (%s s)\n' "$1" "$SECONDS"; }
fail() {
  printf '\nFAILED  %s\n' "$1" >&2
  show_logs >&2
  exit 1
}

# expect WHAT COMMAND...: the command must succeed. Its output is shown if it does not.
expect() {
  local what=$1
  shift
  "$@" >"$WORK/last.log" 2>&1 || { cat "$WORK/last.log" >&2; fail "$what"; }
  passed "$what"
}

# eventually SECONDS WHAT COMMAND...: the command must succeed within the time.
eventually() {
  local end=$((SECONDS + $1)) what=$2
  shift 2
  until "$@" >"$WORK/last.log" 2>&1; do
    ((SECONDS < end)) || { cat "$WORK/last.log" >&2; fail "$what"; }
    sleep 0.3
  done
  passed "$what"
}

not() { ! "$@"; }

# packages PROGRAM=PACKAGE...: installs the packages of missing programs.
packages() {
  local pair missing=()
  for pair in "$@"; do
    command -v "${pair%%=*}" >/dev/null || missing+=("${pair#*=}")
  done
  ((${#missing[@]})) || return 0
  ((EUID == 0)) || fail "run this as root, or install ${missing[*]}"
  export DEBIAN_FRONTEND=noninteractive
  if ! { timeout 300 apt-get -q -o DPkg::Lock::Timeout=240 update &&
    timeout 600 apt-get -q -y -o DPkg::Lock::Timeout=240 install --no-install-recommends "${missing[@]}"; } \
    >"$WORK/apt.log" 2>&1; then
    tail -n 20 "$WORK/apt.log" >&2
    fail "missing and not installable: ${missing[*]}"
  fi
}

# runc and cgroupfs work without systemd on the host; without it, podman only complains that it has no timer
# for the health check.
engine() { timeout 300 podman --log-level fatal --runtime runc --cgroup-manager cgroupfs "$@"; }

# container NAME OPTION... IMAGE COMMAND...: runs in the background.
container() {
  local name=$1
  shift
  engine run -d --name "$NAME-$name" --label "$NAME" \
    --ulimit nofile=20000:20000 --ulimit nproc=10000:10000 "$@" >/dev/null
}

in_container() {
  local name=$1
  shift
  engine exec "$NAME-$name" "$@"
}

# The process id of the container's main process on the host.
pid_of() { engine inspect --format '{{.State.Pid}}' "$NAME-$1"; }

# get CONTAINER URL: asks from inside the container's network. Its image needs no program for that.
get() { nsenter --target "$(pid_of "$1")" --net curl --silent --show-error --fail --max-time 10 "$2"; }

remove() { engine rm --force --time 0 "$NAME-$1" >/dev/null 2>&1 || true; }

show_logs() {
  command -v podman >/dev/null || return 0
  local id
  for id in $(engine ps --all --quiet --filter "label=$NAME"); do
    printf '%s\n' "--- the end of the log of $(engine inspect --format '{{.Name}}' "$id")"
    engine logs --tail 15 "$id" 2>&1 || true
    engine exec "$id" journalctl --no-pager --lines 20 --unit flowmend 2>/dev/null | cut -c 1-200 || true
  done
}

clean_up() {
  command -v podman >/dev/null || return 0
  local id
  for id in $(engine ps --all --quiet --filter "label=$NAME"); do
    engine rm --force --time 0 --volumes "$id" >/dev/null 2>&1 || true
  done
  engine volume rm --force "$NAME-state" >/dev/null 2>&1 || true
  engine rmi --force "$IMAGE" "$IMAGE-base" >/dev/null 2>&1 || true
  rm -rf "$WORK/etc" deploy/kubernetes/all-components
}

# The configuration that connects a daemon to the simulator in the same network, at a pace for tests.
simulator_config() {
  cat <<'END'
[adobe]
platform_url = "http://127.0.0.1:8322"
ims_url = "http://127.0.0.1:8322"
org_id = "5F10C0DE5F10C0DE0A495FED@AdobeOrg"
client_id = "simulated-client"
request_timeout = "2s"
requests_per_second = 50.0

[[sandbox]]
name = "prod"

[poll]
interval = "1s"
overlap = "30s"

[retry]
initial_interval = "3s"
max_interval = "20s"
confirm_window = "5s"
max_attempts = 4

[limits]
retriggers_per_minute = 0

[store]
url = "sqlite:///var/lib/flowmend/flowmend.db"
END
}

# accepted CONTAINER: how many re-triggers the simulator in its network has accepted.
accepted() { get "$1" http://127.0.0.1:8322/simulator/ledger | jq '[.retriggers[] | select(.outcome.accepted)] | length'; }

accepted_at_least() { (($(accepted "$1") >= $2)); }

# nothing_doubled CONTAINER: no failed run was re-triggered twice.
nothing_doubled() {
  get "$1" http://127.0.0.1:8322/simulator/ledger |
    jq --exit-status '[.retriggers[] | select(.outcome.accepted) | .asked_run] | length > 0 and length == (unique | length)' >/dev/null
}
