#!/usr/bin/env bash
# A node and, in front of it, Vite's server: the page reloads as it is edited.
set -euo pipefail
cd "$(dirname "$0")/.."
dir=$(mktemp -d)
trap 'kill "$node" 2>/dev/null; rm -rf "$dir"' EXIT
go build -o "$dir/pc2d" ./backend/cmd/pc2d
"$dir/pc2d" serve --data "${DATA:-$dir/data}" --listen 127.0.0.1:4200 --profile local &
node=$!
cd frontend && npm run dev
