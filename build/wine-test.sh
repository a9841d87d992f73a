#!/usr/bin/env bash
# Runs the Windows program under wine on a private desktop (app/e2e).
set -euo pipefail
cd "$(dirname "$0")/.."

# Outside of the test's own folder, so that a second run finds it made.
export WINEPREFIX=${WINEPREFIX:-$PWD/out/wine} WINEARCH=win64 WINEDEBUG=-all
if [ ! -d "$WINEPREFIX" ]; then
  mkdir -p "$(dirname "$WINEPREFIX")"
  desk=$(mktemp -d)
  trap 'build/desktop.sh stop "$desk"; rm -rf "$desk"' EXIT
  build/desktop.sh start "$desk" >/dev/null
  (. "$desk/env" && timeout 300 wine wineboot -i && wineserver -w) >/dev/null 2>&1
fi
# Go needs a function that Debian's wine does not have yet; never shipped.
shim=$WINEPREFIX/drive_c/windows/system32/bcryptprimitives.dll
[ -f "$shim" ] || x86_64-w64-mingw32-gcc -shared -O2 -s -o "$shim" build/windows/wine-bcryptprimitives.c -ladvapi32
PC2_WINDOWS_APP=$PWD/out/PC2-amd64.exe build/desktop-test.sh WindowsProgram
