#!/usr/bin/env bash
# Runs every fuzz target for the given time each: go test takes one at a time.
set -euo pipefail
time=${1:-10s}
grep -rlE '^func Fuzz[A-Z]' --include='*_test.go' backend app | while read -r file; do
  for target in $(grep -oE '^func Fuzz[A-Za-z0-9_]+' "$file" | cut -d' ' -f2); do
    echo "== $(dirname "$file") $target"
    go test "./$(dirname "$file")" -run '^$' -fuzz "^$target\$" -fuzztime "$time"
  done
done
