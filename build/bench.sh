#!/usr/bin/env bash
# Measures out/pc2d and out/pc2super beside nginx, ssh -R and a plain relay; the
# figures go to the screen and to artifacts/bench.json. Arguments are those of
# build/bench, see its doc.go.
#
#   PRIME=16 build/bench.sh   fill at most 16 GiB of free memory with page cache, all
#                             told (default 100, 0: none)
set -euo pipefail
cd "$(dirname "$0")/.."

[ "$(uname -s)" = Linux ] || { echo "The benchmark reads /proc and compares with nginx, so it needs Linux." >&2; exit 1; }
[ -x out/pc2d ] && [ -x out/pc2super ] || { echo "Run make bench, which builds out/pc2d and out/pc2super first." >&2; exit 1; }

go build -o out/bench ./build/bench
exec out/bench -prime "${PRIME:-100}" "$@"
