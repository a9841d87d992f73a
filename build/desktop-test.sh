#!/usr/bin/env bash
# Runs the stories of app/e2e with out/PC2 on a private desktop, which it starts
# and ends. Arguments go to go test.
# SCREENSHOTS=1 keeps pictures in artifacts/desktop.
set -euo pipefail
cd "$(dirname "$0")/.."
root=$PWD

tmp=$(mktemp -d "${TMPDIR:-/tmp}/pc2-desktop-XXXXXX")
trap 'build/desktop.sh stop "$tmp/desk"; rm -rf "$tmp"' EXIT
go test -c -o "$tmp/e2e.test" ./app/e2e
build/desktop.sh start "$tmp/desk"

pictures=
if [ -n "${SCREENSHOTS:-}" ]; then
  pictures=$root/artifacts/desktop
  rm -rf "$pictures"
  mkdir -p "$pictures"
fi
(
  . "$tmp/desk/env"
  export PC2_APP=$root/out/PC2 PC2_DESKTOP=$tmp/desk PC2_PICTURES=$pictures TMPDIR=$tmp
  cd app/e2e
  "$tmp/e2e.test" -test.timeout 15m "$@"
)
