#!/usr/bin/env bash
# What takes too long for every change: many kills under load, visitors who vanish
# again and again, many large objects.
set -euo pipefail
cd "$(dirname "$0")/.."
PC2_KILL9_ROUNDS=${PC2_KILL9_ROUNDS:-200} go test -count=1 -timeout 60m -run TestKill9 -v ./backend/node
go test -count="${PC2_CHAIN_ROUNDS:-20}" -timeout 60m -run 'TestVisitors|TestCrowd|TestSuperNodeRestarts|TestLiveThroughTheChain|PlayedSuperNode' ./backend/node
PC2_LARGE_MIB=2048 go test -count=1 -timeout 20m -run TestLargeAway -v ./backend/node
PC2_TORTURE=1 go test -count=1 -timeout 60m -run Torture -v ./backend/content
