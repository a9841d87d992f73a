#!/usr/bin/env bash
# Plays the stories of app/e2e with out/PC2, each for itself, on a private desktop,
# which it starts and ends. The argument is a pattern of their names, as go test -run has it.
# SCREENSHOTS=1 keeps pictures in artifacts/desktop; LIMIT is the longest that one
# story may take, in seconds.
set -euo pipefail
cd "$(dirname "$0")/.."
root=$PWD
limit=${LIMIT:-300}

tmp=$(mktemp -d "${TMPDIR:-/tmp}/pc2-desktop-XXXXXX")
trap 'build/desktop.sh stop "$tmp/desk"; rm -rf "$tmp"' EXIT
go test -c -o "$tmp/e2e.test" ./app/e2e
mapfile -t stories < <("$tmp/e2e.test" -test.list "${1:-.}")
if [ ${#stories[@]} -eq 0 ]; then
  echo "No story is called ${1:-.}." >&2
  exit 1
fi

export PC2_APP=$root/out/PC2 PC2_DESKTOP=$tmp/desk PC2_PICTURES= PC2_EVIDENCE=$root/artifacts/desktop-failed
rm -rf "$PC2_EVIDENCE" "$PC2_EVIDENCE-first"
if [ -n "${SCREENSHOTS:-}" ]; then
  PC2_PICTURES=$root/artifacts/desktop
  rm -rf "$PC2_PICTURES"
  mkdir -p "$PC2_PICTURES"
fi

# play tells the stories on a new desktop and leaves those that failed in $failed.
play() {
  failed=()
  passed=0
  skipped=0
  build/desktop.sh stop "$tmp/desk"
  rm -rf "$tmp/desk"
  if ! build/desktop.sh start "$tmp/desk"; then
    failed=("$@")
    return 1
  fi
  for story; do
    if (
      . "$tmp/desk/env" && cd app/e2e &&
        TMPDIR=$tmp timeout -k 10 $((limit + 10)) "$tmp/e2e.test" -test.v -test.timeout ${limit}s -test.run "^$story\$" 2>&1
    ) | tee "$tmp/$story.log"; then
      if grep -q "^--- SKIP: $story " "$tmp/$story.log"; then
        skipped=$((skipped + 1))
      else
        passed=$((passed + 1))
      fi
    else
      failed+=("$story")
    fi
  done
  # The last lines: why it failed, where the reader of a long log looks first, and the count.
  for story in "${failed[@]}"; do
    echo "$story"
    grep -E '^ +[a-z_]+_test\.go:[0-9]+: |^panic: ' "$tmp/$story.log" | grep -v ': log:$' || true
  done
  echo "$passed passed, ${#failed[@]} failed, $skipped not for this run"
  [ ${#failed[@]} -eq 0 ] && [ "$passed" -gt 0 ]
}
play "${stories[@]}" && exit 0
[ ${#failed[@]} -gt 0 ] || exit 1

# A desktop that stood still for seconds on a busy machine breaks a story, not the
# product. Told once more from its beginning it has to pass; both runs stay in the log.
echo "FAILED, and played once more: ${failed[*]}" >&2
mv "$PC2_EVIDENCE" "$PC2_EVIDENCE-first" 2>/dev/null || true
play "${failed[@]}"
