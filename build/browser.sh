#!/usr/bin/env bash
# The stories of frontend/e2e in a real browser, against a node built from this tree.
# Arguments go to vitest (a part of a file's name, -t "a step").
# SCREENSHOTS=1 also puts pictures of every screen into artifacts/screenshots/.
set -euo pipefail
cd "$(dirname "$0")/.."
root=$PWD

browser=
for name in chromium chromium-browser google-chrome; do
  if command -v "$name" >/dev/null; then
    browser=$(command -v "$name")
    break
  fi
done
if [ -z "$browser" ]; then
  echo "No chromium, chromium-browser or google-chrome in PATH; make setup installs one." >&2
  exit 1
fi
if [ ! -f frontend/dist/index.html ]; then
  echo "The page is not built: make ui" >&2
  exit 1
fi

tmp=$(mktemp -d "${TMPDIR:-/tmp}/pc2-e2e-XXXXXX")
trap 'rm -rf "$tmp"' EXIT
CGO_ENABLED=0 go build -o "$tmp/" ./backend/cmd/pc2d ./backend/cmd/pc2super

# Without a locale Chromium mistakes what is dropped: names of files are UTF-8.
export LC_ALL=C.UTF-8
export TMPDIR=$tmp PC2D=$tmp/pc2d PC2SUPER=$tmp/pc2super CHROMIUM=$browser EVIDENCE_DIR=$root/artifacts/browser
rm -rf "$EVIDENCE_DIR" "$EVIDENCE_DIR-first"
if [ -n "${SCREENSHOTS:-}" ]; then
  export SCREENSHOTS_DIR=$root/artifacts/screenshots
  rm -rf "$SCREENSHOTS_DIR"
fi
cd frontend
play() { AGAIN=$tmp/again node_modules/.bin/vitest run --config e2e/vitest.config.ts "$@"; }
play "$@" && exit 0

# A browser that stood still for seconds on a busy machine breaks a story, not the
# product. Told once more from its beginning it has to pass; both runs stay in the log.
[ -s "$tmp/again" ] || exit 1
mapfile -t again <"$tmp/again"
echo "FAILED, and played once more: ${again[*]}" >&2
mv "$EVIDENCE_DIR" "$EVIDENCE_DIR-first" 2>/dev/null || true
play "${again[@]}"
