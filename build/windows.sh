#!/usr/bin/env bash
# Builds the desktop program for Windows on any system: out/PC2-amd64.exe and
# out/PC2-arm64.exe, with icon, version and manifest. VERSION and LDFLAGS come
# from the Makefile.
set -euo pipefail
cd "$(dirname "$0")/.."

# Windows wants four numbers; what git describes begins with three, or is a commit.
numbers=$(sed -nE 's/^v?([0-9]+)\.([0-9]+)\.([0-9]+).*/\1.\2.\3.0/p' <<<"${VERSION:-dev}")
[ -n "$numbers" ] || numbers=$(sed -nE 's/.*"productVersion": "([0-9.]+)".*/\1.0/p' wails.json)

trap 'rm -f app/rsrc_windows_*.syso' EXIT
go tool -modfile=build/tools/go.mod go-winres make --in build/windows/winres.json --arch amd64,arm64 --out app/rsrc \
  --product-version "$numbers" --file-version "$numbers"
for arch in amd64 arm64; do
  CGO_ENABLED=0 GOOS=windows GOARCH=$arch go build -trimpath -tags desktop,production -ldflags "${LDFLAGS-} -H windowsgui" -o "out/PC2-$arch.exe" ./app
done
