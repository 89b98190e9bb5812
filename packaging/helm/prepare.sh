#!/usr/bin/env bash
# usage: packaging/helm/prepare.sh FOLDER
# Writes the chart with the alert rules, the dashboards and the version of this repository into FOLDER/packager-exporter.
set -euo pipefail
folder=${1:?write a folder}
cd "$(dirname "$0")/../.."
version=$(sed -n 's/^version = "\(.*\)"$/\1/p' Cargo.toml | head -n 1)
mkdir -p "$folder"
cp -r packaging/helm/packager-exporter "$folder/"
chart=$folder/packager-exporter
mkdir -p "$chart/rules" "$chart/dashboards"
cp rules/*.rules.yml "$chart/rules/"
cp dashboards/grafana/*.json "$chart/dashboards/"
sed -i "s/^version: .*/version: $version/; s/^appVersion: .*/appVersion: \"$version\"/" "$chart/Chart.yaml"
