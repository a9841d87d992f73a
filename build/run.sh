#!/usr/bin/env bash
# Starts PC2 with the local network profile: its window where there is a
# display, else the node, which prints the addresses. Arguments go to it.
set -euo pipefail
cd "$(dirname "$0")/.."

if [ -n "${DISPLAY-}${WAYLAND_DISPLAY-}" ] || [ "$(uname)" = Darwin ]; then
  if make -s linux; then
    exec out/PC2 --profile local --no-register "$@"
  fi
  echo "The window could not be built (see above), so PC2 runs without it." >&2
fi
make -s node
exec out/pc2d serve --profile local "$@"
