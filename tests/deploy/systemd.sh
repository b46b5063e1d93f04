# The Debian package, installed on a machine with systemd as PID 1.

test_systemd() {
  base_image
  step "package: build"
  build_package
  step "unit: exposure"
  exposure
  step "unit: a machine with systemd"
  machine
  installed
  step "unit: configuration faults"
  configuration_faults
  step "unit: start, operators, reload"
  starts
  secret_is_hidden
  operator_commands
  reloads
  step "unit: kill, hang, stop"
  restarts_after_kill
  watchdog_restarts
  stop_drains
  step "unit: upgrade, dynamic user, removal"
  upgrades
  dynamic_user
  removes
  remove machine
}

# on COMMAND...: on the machine.
on() { in_container machine "$@"; }
on_sh() { on /bin/sh -c "$1"; }
property() { on systemctl show --value --property "$1" flowmend; }
is() { [[ $(property "$1") == "$2" ]]; }
journal_has() { on journalctl --quiet --no-pager --unit flowmend --output cat >"$WORK/journal.log" && grep -q -e "$1" "$WORK/journal.log"; }
journal_count() { on journalctl --quiet --no-pager --unit flowmend --output cat | grep -c -e "$1" || true; }

# systemd-analyze on this machine; the program that the unit starts need not exist here.
exposure() {
  local unit=$WORK/flowmend.service level
  sed 's#^ExecStart=/usr/bin/flowmend#ExecStart=/bin/true#; /^Documentation=/d' deploy/systemd/flowmend.service >"$unit"
  expect "the unit is valid" systemd-analyze verify "$(realpath "$unit")"
  level=$(systemd-analyze security --offline=yes --no-pager "$(realpath "$unit")" | sed -n 's/.*exposure level for .*: \([0-9.]*\) .*/\1/p')
  expect "its exposure is at most 1.3 ($level)" awk -v level="$level" 'BEGIN { exit !(level != "" && level <= 1.3) }'
}

# In a container, systemd leaves the propagation of mounts as it is; credentials need it as on a real machine.
machine() {
  container machine --systemd=always --privileged --network none "$IMAGE-base" \
    /bin/sh -c 'mount --make-rshared / && exec /sbin/init'
  eventually 60 "systemd runs" machine_is_up
  expect "the package is copied" engine cp "$(debian_package)" "$NAME-machine:/root/flowmend.deb"
}

machine_is_up() { [[ $(on systemctl is-system-running 2>/dev/null) =~ ^(running|degraded)$ ]]; }

installed() {
  expect "the package installs" on dpkg --install /root/flowmend.deb
  expect "it enables nothing" test "$(on systemctl is-enabled flowmend || true)" = disabled
  expect "it starts nothing" test "$(on systemctl is-active flowmend || true)" = inactive
  expect "the version" on flowmend --version
}

configuration_faults() {
  on systemctl start flowmend 2>/dev/null || true
  eventually 30 "without the secret: failed" is ActiveState failed
  expect "and not restarted" is NRestarts 0
  on_sh 'umask 077; echo simulated-secret >/etc/flowmend/client_secret'
  on systemctl start flowmend 2>/dev/null || true
  eventually 30 "a configuration without ids: failed" is ActiveState failed
  expect "with exit code 78" is ExecMainStatus 78
  sleep 7 # longer than RestartSec
  expect "and not restarted" is NRestarts 0
  expect "the journal names the missing key" journal_has "adobe.org_id"
}

starts() {
  simulator_config | on_stdin 'cat >/etc/flowmend/flowmend.toml'
  on systemd-run --quiet --unit simulator /usr/bin/flowmend simulate
  # The tests do not wait for the minute that is shipped; this is a drop-in as the examples are.
  on_sh 'mkdir -p /etc/systemd/system/flowmend.service.d &&
    printf "[Service]\nWatchdogSec=9s\n" >/etc/systemd/system/flowmend.service.d/test.conf && systemctl daemon-reload'
  expect "it starts and reports READY" on timeout 60 systemctl start flowmend
  expect "it runs" is ActiveState active
  expect "as the user flowmend" test "$(on stat -c %U "/proc/$(property MainPID)")" = flowmend
  eventually 60 "it re-triggers" accepted_at_least machine 2
}

on_stdin() { engine exec --interactive "$NAME-machine" /bin/sh -c "$1"; }

secret_is_hidden() {
  expect "an operator is a member of the group" on useradd --no-log-init --groups flowmend op
  expect "a stranger is not" on useradd --no-log-init stranger
  local path
  for path in /etc/flowmend/client_secret /run/credentials/flowmend.service/client_secret; do
    expect "$path exists" on test -s "$path"
    expect "an operator cannot read $path" not on runuser -u op -- cat "$path"
  done
  expect "a stranger cannot list the store" not on runuser -u stranger -- ls /var/lib/flowmend
  expect "the secret is not in the environment" not on grep -q simulated-secret "/proc/$(property MainPID)/environ"
  expect "nor in the journal" not journal_has simulated-secret
}

operator_commands() {
  local user run
  run=$(on flowmend status --all --json | jq -r '[.recoveries[] | select(.attempts | length > 0)][0].root_run_id')
  for user in root op; do
    expect "$user: status" on runuser -u "$user" -- flowmend status
    expect "$user: explain" on runuser -u "$user" -- flowmend explain "$run"
    expect "$user: health" on runuser -u "$user" -- flowmend health
    expect "$user: pause" on runuser -u "$user" -- flowmend pause
    expect "$user: resume" on runuser -u "$user" -- flowmend resume
    expect "$user: backtest" on runuser -u "$user" -- flowmend backtest --config /etc/flowmend/flowmend.toml
  done
  expect "a stranger cannot read the store" not on runuser -u stranger -- flowmend status
  expect "the store still belongs to the daemon" test -z "$(on find /var/lib/flowmend ! -group flowmend)"
}

reloads() {
  local pid
  pid=$(property MainPID)
  on sed -i 's/^max_attempts = .*/max_attempts = 3/' /etc/flowmend/flowmend.toml
  expect "it reloads" on systemctl reload flowmend
  eventually 20 "the new policy is in force" journal_has "configuration reloaded"
  on sed -i 's/^max_attempts = .*/max_attempts = -1/' /etc/flowmend/flowmend.toml
  on systemctl reload flowmend || true
  eventually 20 "a faulty policy is rejected" journal_has "configuration not reloaded"
  on sed -i 's/^max_attempts = .*/max_attempts = 4/' /etc/flowmend/flowmend.toml
  on systemctl reload flowmend
  expect "in the same process" is MainPID "$pid"
}

restarts_after_kill() {
  local pid before begin=$SECONDS
  pid=$(property MainPID)
  before=$(journal_count re-triggered)
  on_sh "kill -9 $pid"
  eventually 15 "kill -9: it is restarted and re-triggers within 15 s" acts_again "$pid" "$before"
  echo "        after $((SECONDS - begin)) s"
  expect "nothing is doubled" nothing_doubled machine
}

# Another process than PID is active and has logged more re-triggers than COUNT.
acts_again() { is ActiveState active && ! is MainPID "$1" && (($(journal_count re-triggered) > $2)); }

watchdog_restarts() {
  local pid before
  pid=$(property MainPID)
  before=$(journal_count re-triggered)
  on_sh "kill -STOP $pid"
  eventually 60 "a hung process: the watchdog restarts it" acts_again "$pid" "$before"
  expect "systemd names the watchdog" journal_has "[Ww]atchdog timeout"
  expect "nothing is doubled" nothing_doubled machine
}

stop_drains() {
  expect "it stops" on timeout 60 systemctl stop flowmend
  expect "with success" is Result success
  expect "and exit code 0" is ExecMainStatus 0
  expect "no attempt is left in doubt" test "$(on flowmend status --all --json | jq '[.recoveries[] | select(.state == "triggering" or .state == "in_doubt")] | length')" = 0
}

# Installing the package again replaces the running daemon and keeps store and configuration.
upgrades() {
  on systemctl start flowmend
  local pid attempts
  pid=$(property MainPID)
  attempts=$(stored_attempts)
  expect "the package installs again" on dpkg --install /root/flowmend.deb
  eventually 30 "an upgrade restarts a running daemon" is_new_process "$pid"
  expect "and keeps the store" test "$(stored_attempts)" -ge "$attempts"
  expect "and the configuration" on grep -q simulated-client /etc/flowmend/flowmend.toml
}

is_new_process() { is ActiveState active && ! is MainPID "$1"; }
stored_attempts() { on flowmend status --all --json | jq '[.recoveries[].attempts[]] | length'; }

# The unit alone, without operators.conf: systemd moves the store to the dynamic user and back.
dynamic_user() {
  local attempts drop_in=/etc/systemd/system/flowmend.service.d/operators.conf
  attempts=$(stored_attempts)
  on_sh "ln -s /dev/null $drop_in && printf '[Service]\nUser=flowmend-dynamic\n' >/etc/systemd/system/flowmend.service.d/user.conf &&
    systemctl daemon-reload && systemctl restart flowmend"
  expect "a dynamic user: it runs" is ActiveState active
  expect "with the same store" test "$(stored_attempts)" -ge "$attempts"
  expect "which only root can reach" not on runuser -u op -- flowmend status
  on_sh "rm $drop_in /etc/systemd/system/flowmend.service.d/user.conf && systemctl daemon-reload && systemctl restart flowmend"
  expect "and back: an operator reads the store" on runuser -u op -- flowmend status
}

removes() {
  expect "the package is purged" on dpkg --purge flowmend
  expect "a purged package is stopped" not on systemctl is-active --quiet flowmend
  expect "its store stays" on test -s /var/lib/flowmend/flowmend.db
}
