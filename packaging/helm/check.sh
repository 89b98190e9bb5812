#!/usr/bin/env bash
# Checks the Helm chart: `helm lint`, `helm template` with the default values and with every part switched on, the objects
# against Kubernetes' schemas (kubernetes-validate), and those of the Prometheus operator against its Go types.
# helm and the Go program are compiled from the Go proxy into target/tools once, which takes some minutes; needs Go and Python.
set -euo pipefail
cd "$(dirname "$0")/../.."

helm_version=v3.18.4
# helm that is compiled without it takes itself for a client of Kubernetes 1.20.
kubernetes=1.33.0
kubernetes_validate=1.37.0
tools=$PWD/target/tools
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
mkdir -p "$tools/bin"

if [ ! -x "$tools/bin/helm" ]; then
  mkdir -p "$work/helm"
  (
    cd "$work/helm"
    export GOPATH=$work/go GOCACHE=$work/go-cache GOFLAGS=-modcacherw CGO_ENABLED=0
    go mod init helm
    go get "helm.sh/helm/v3/cmd/helm@$helm_version"
    go build -o "$tools/bin/helm" -ldflags "-s -w" helm.sh/helm/v3/cmd/helm
  ) >"$work/helm.log" 2>&1 || { tail -n 5 "$work/helm.log" >&2; exit 1; }
fi
if [ ! -x "$tools/bin/operator_types" ]; then
  (cd packaging/helm/operator_types && GOPATH=$work/go GOCACHE=$work/go-cache GOFLAGS=-modcacherw go build -o "$tools/bin/operator_types" .)
fi
if [ ! -x "$tools/kubernetes-validate/bin/kubernetes-validate" ]; then
  python3 -m venv --clear "$tools/kubernetes-validate"
  "$tools/kubernetes-validate/bin/python" -m pip install --quiet --disable-pip-version-check "kubernetes-validate==$kubernetes_validate"
fi

packaging/helm/prepare.sh "$work"
chart=$work/packager-exporter
helm() { "$tools/bin/helm" "$@"; }
render() { helm template monitoring "$chart" --namespace monitoring --kube-version "$kubernetes" "$@"; }

helm lint --strict --quiet "$chart" --kube-version "$kubernetes"
helm lint --strict --quiet "$chart" --kube-version "$kubernetes" --values packaging/helm/all_values.yml
for values in packaging/helm/packager-exporter/values.yaml packaging/helm/all_values.yml; do
  render --values "$values" >"$work/all.yaml"
  # The schemas have no kinds of the operator.
  "$tools/kubernetes-validate/bin/python" - "$work/all.yaml" "$work/core.yaml" <<'PYTHON'
import sys, yaml

documents = [one for one in yaml.safe_load_all(open(sys.argv[1])) if one]
yaml.safe_dump_all([one for one in documents if not one["apiVersion"].startswith("monitoring.coreos.com/")], open(sys.argv[2], "w"))
PYTHON
  "$tools/kubernetes-validate/bin/kubernetes-validate" --strict --quiet "$work/core.yaml"
  "$tools/bin/operator_types" <"$work/all.yaml" >/dev/null
done

# The rules meet the labels that the chart's own objects give to targets.
render --values packaging/helm/all_values.yml --set environmentSecret= >"$work/files.yaml"
for case in "$work/all.yaml with-database" "$work/files.yaml with-files"; do
  # shellcheck disable=SC2086
  "$tools/kubernetes-validate/bin/python" - $case <<'PYTHON'
import re, sys, yaml

objects = [one for one in yaml.safe_load_all(open(sys.argv[1])) if one]
kind = lambda name: next(one["spec"] for one in objects if one["kind"] == name)
replaced = lambda relabelings: {one["targetLabel"]: one.get("replacement") for one in relabelings}
# ExporterDown copies `instance` into `exporter`, and Alertmanager compares it with that of the channels.
instance = replaced(kind("ServiceMonitor")["endpoints"][0]["relabelings"])["instance"]
if sys.argv[2] == "with-database":
    # Discovery names the pod, by the address that the pod has in the database.
    serve = kind("StatefulSet")["template"]["spec"]["containers"][0]["args"]
    [address] = [one.removeprefix("--cluster.address=") for one in serve if one.startswith("--cluster.address=")]
    assert address.replace("$(POD_NAME)", "$1") == instance, (address, instance)
    [pods] = [one for one in objects if one["kind"] == "Service" and one["spec"].get("clusterIP") == "None"]
    assert address.replace("$(POD_NAME)", pods["metadata"]["name"].removesuffix("-pods") + "-0") == kind("Probe")["prober"]["url"], address
    assert address.split(".")[1] == pods["metadata"]["name"] == kind("StatefulSet")["serviceName"], address
else:
    scraped = [one["replacement"] for one in kind("ScrapeConfig")["relabelings"] if one["targetLabel"] == "__address__" and "replacement" in one]
    assert [instance] == scraped == [kind("Probe")["prober"]["url"]], (instance, scraped)

rules = [rule for one in objects if one["kind"] == "PrometheusRule" for group in one["spec"]["groups"] for rule in group["rules"]]
expressions = {rule["alert"]: rule["expr"] for rule in rules if "alert" in rule}
for alert, names in {
    "AlertmanagerDown": ["alertmanager", "kube-prometheus-stack-alertmanager", "alertmanager-main"],
    "PrometheusDown": ["prometheus", "kube-prometheus-stack-prometheus", "prometheus-k8s"],
}.items():
    job = re.fullmatch(r'up\{job=~"(.+)"\} == 0', expressions[alert])
    assert job and all(re.fullmatch(job[1], name) for name in names), (alert, expressions[alert])
PYTHON
done

# What can't work is refused with the reason.
refused() {
  local why=$1
  shift
  if render "$@" >"$work/refused" 2>&1; then echo "not refused: $*" >&2; exit 1; fi
  grep -qF "$why" "$work/refused" || { cat "$work/refused" >&2; exit 1; }
}
refused 'set tokensSecret' --set environmentSecret=database
refused 'ingress.host is missing' --set ingress.enabled=true
refused 'set environmentSecret' --set replicas=2
refused 'several replicas' --values packaging/helm/all_values.yml --set replicas=2
echo "The chart is sound for Kubernetes $kubernetes and the Prometheus operator's types."
