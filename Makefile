# PC2. `make` prints what there is.
SHELL := bash
.SHELLFLAGS := -eu -o pipefail -c
.DEFAULT_GOAL := help
MAKEFLAGS += --no-print-directory

VERSION ?= $(shell git describe --tags --always --dirty 2>/dev/null || echo dev)
LDFLAGS := -s -w -X pc2/backend/node.Version=$(VERSION) -X main.version=$(VERSION)
GOBUILD := CGO_ENABLED=0 go build -trimpath -ldflags '$(LDFLAGS)'
FUZZTIME ?= 10s

## Use

run: ## build and start PC2 on this PC, with the local network profile: its window, or without a display the node (DATA=folder, LISTEN=host:port, NAME=alice)
	@build/run.sh $(if $(DATA),--data '$(DATA)') $(if $(LISTEN),--listen '$(LISTEN)') --name '$(or $(NAME),alice)'

## Build

ui: frontend/dist/index.html ## build the page

node: ui ## build out/pc2d, the node without a window
	$(GOBUILD) -o out/pc2d ./backend/cmd/pc2d

super: ## build out/pc2super, the super node
	$(GOBUILD) -o out/pc2super ./backend/cmd/pc2super

app: linux windows ## build out/PC2, the desktop program, and out/PC2-{amd64,arm64}.exe for Windows

linux: ui
	build/setup.sh app
	go build -trimpath -tags desktop,production,webkit2_41 -ldflags '$(LDFLAGS)' -o out/PC2 ./app

windows: ui
	VERSION='$(VERSION)' LDFLAGS='$(LDFLAGS)' build/windows.sh

dev: frontend/node_modules/.package-lock.json ## a node and Vite's dev server with live reload beside it
	build/dev.sh

## Check

test: setup ui oscheck ## every test: Go, page, browser
	go vet ./...
	go test ./...
	cd frontend && npm run check && npm test
	build/browser.sh

desktop: linux ## the desktop program on a desktop of its own: tray, window, every menu entry, every way to end; as root also behind the lab's router
	build/setup.sh desktop lab
	build/desktop-test.sh

wine: windows ## the Windows program under wine, on a desktop of its own
	build/setup.sh desktop
	build/setup.sh wine
	build/wine-test.sh

race: ui ## Go tests under the race detector
	go test -race -timeout 30m ./...

fuzz: ## every fuzz target for FUZZTIME (default 10s)
	build/fuzz.sh $(FUZZTIME)

lab: setup ## a home router in network namespaces, and the node behind it (as root)
	PC2_LAB=1 go test -count=1 -timeout 10m ./backend/lab

torture: ui ## long runs: kill -9 under load, many large objects
	build/torture.sh

bench: setup node super ## speed and memory, beside nginx, ssh -R and plain TCP in the same run
	build/setup.sh bench
	build/bench.sh
	$(MAKE) figures

figures: linux ## memory of the desktop program, and how long its window takes; on a machine that does nothing else
	build/setup.sh desktop
	for f in PC2 pc2d pc2super PC2-amd64.exe PC2-arm64.exe; do [ ! -e out/$$f ] || printf 'binary   %-34s %6.1f MB\n' out/$$f "$$(stat -c %s out/$$f | awk '{print $$1/1e6}')"; done
	PC2_FIGURES=20 LIMIT=900 build/desktop-test.sh Figures

oscheck: ## type-check what is written for macOS and Windows
	go run ./build/oscheck -os darwin -arch arm64 -tags desktop,production ./app/... ./backend/cmd/...
	go run ./build/oscheck -os windows -arch amd64 -tags desktop,production ./app/... ./backend/cmd/...

lint: frontend/node_modules/.package-lock.json oscheck ## gofmt, vet (macOS and Windows too), staticcheck, svelte-check
	@test -z "$$(gofmt -l app backend build frontend)" || { gofmt -d app backend build frontend; exit 1; }
	go vet ./...
	go tool -modfile=build/tools/go.mod staticcheck ./...
	cd frontend && npm run check

vuln: ## known vulnerabilities (asks the internet)
	go tool -modfile=build/tools/go.mod govulncheck ./...

screenshots: setup linux ## pictures of every screen, of window, tray and menu into artifacts/
	build/setup.sh desktop
	SCREENSHOTS=1 build/browser.sh
	SCREENSHOTS=1 build/desktop-test.sh 'Entry|Mouse|Notice|Download|Icon|Links|Dark'

## Housekeeping

setup: frontend/node_modules/.package-lock.json ## install what tests need (Debian packages as root, npm packages)
	build/setup.sh

clean: ## remove what was built
	rm -rf out artifacts frontend/dist/* frontend/node_modules

frontend/node_modules/.package-lock.json: frontend/package.json frontend/package-lock.json
	cd frontend && npm ci --no-audit --no-fund
	@touch $@

frontend/dist/index.html: frontend/node_modules/.package-lock.json $(shell find frontend/src frontend/public frontend/*.html frontend/*.ts frontend/*.js frontend/*.json -type f 2>/dev/null)
	cd frontend && npm run build
	@touch $@

help:
	@awk 'BEGIN {FS = ":.*## "} /^## / {printf "\n%s\n", substr($$0, 4)} /^[a-z]+:.*## / {printf "  make %-12s %s\n", $$1, $$2}' $(MAKEFILE_LIST)

.PHONY: run ui node super app linux windows dev test desktop wine figures oscheck race fuzz lab torture bench lint vuln screenshots setup clean help
