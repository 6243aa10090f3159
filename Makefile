# What CI runs is `make check`; green here is green there.

GO ?= go
# As the binary is built that people get; and what one target has compiled, the others need not.
export CGO_ENABLED ?= 0
GOLANGCI_LINT = $(GO) run github.com/golangci/golangci-lint/v2/cmd/golangci-lint@v2.15.0
SHFMT = $(GO) run mvdan.cc/sh/v3/cmd/shfmt@v3.13.1
GORELEASER = $(GO) run github.com/goreleaser/goreleaser/v2@v2.15.1
GOVULNCHECK = $(GO) run golang.org/x/vuln/cmd/govulncheck@v1.1.4
SENT_SCRIPTS = $(shell git ls-files -co --exclude-standard 'cmd/*.sh' 'modules/*.sh')
OWN_SCRIPTS = $(shell git ls-files -co --exclude-standard 'e2e/*.sh')

# Containers need root, virtual machines don't. Without root, and unless RCPROV_LAB says otherwise, it is QEMU where that is installed.
ifneq ($(shell id -u),0)
ifeq ($(RCPROV_LAB),)
export RCPROV_LAB := $(if $(shell command -v qemu-img),qemu)
endif
ifeq ($(shell uname -s),Linux)
ifeq ($(filter qemu multipass vagrant,$(RCPROV_LAB)),)
AS_ROOT = sudo -E
endif
endif
endif

PLATFORMS = linux/amd64 linux/arm64 darwin/amd64 darwin/arm64 windows/amd64 windows/arm64

.PHONY: build test race lint vulncheck fmt golden fuzz e2e bench demo lab-deps lab-up lab-down lab-mirror check cross snapshot release clean help
.DEFAULT_GOAL := help

build: ## build bin/rcprov
	$(GO) build -o bin/rcprov ./cmd/rcprov

test: ## vet, unit tests, and the end-to-end tests where this machine can boot hosts
	$(GO) vet ./...
	@sh e2e/test.sh "$(GO)"

race: ## unit tests with the race detector (needs a C compiler)
	CGO_ENABLED=1 $(GO) test -race ./cmd/... ./modules/...

lint: ## golangci-lint, as .golangci.yml says (the first time it is built: about two minutes); shfmt, shellcheck
	$(GOLANGCI_LINT) run ./...
	$(SHFMT) -ln posix -d $(SENT_SCRIPTS)
	$(SHFMT) -d $(OWN_SCRIPTS)
	@command -v shellcheck >/dev/null || { echo "lint needs shellcheck: make lab-deps, or https://www.shellcheck.net" >&2; exit 1; }
	shellcheck -s sh $(SENT_SCRIPTS)
	shellcheck $(OWN_SCRIPTS)

vulncheck: ## known vulnerabilities of what is linked in; asks the database at vuln.go.dev
	$(GOVULNCHECK) ./...

fmt: ## format all Go code and shell scripts
	$(GOLANGCI_LINT) fmt ./...
	$(SHFMT) -ln posix -w $(SENT_SCRIPTS)
	$(SHFMT) -w $(OWN_SCRIPTS)

golden: ## rewrite the expected output in cmd/rcprov/testdata; review the diff like code
	$(GO) test ./cmd/rcprov -update

FUZZTIME ?= 20s
fuzz: ## run every fuzz target for FUZZTIME (20s)
	@for package in $$($(GO) list ./cmd/... ./modules/...); do \
		for target in $$($(GO) test -list '^Fuzz' $$package | grep '^Fuzz'); do \
			$(GO) test -run '^$$' -fuzz "^$$target$$" -fuzztime $(FUZZTIME) $$package || exit 1; \
		done; \
	done

# One case: make e2e ARGS='-run TestConformance/debian-12/file/absent'. MIRROR=vendor takes software from the vendors' own servers. Sudo, where it is needed, is for the test programs only.
e2e: build ## end-to-end tests on disposable hosts (RCPROV_LAB=nspawn|qemu|multipass|vagrant; ARGS: flags for go test)
	@RCPROV_BIN=$(CURDIR)/bin/rcprov sh e2e/e2e.sh $(GO) test -count=1 -p 1 -timeout 60m $(if $(AS_ROOT),-exec "$(AS_ROOT)") ./e2e/... $(ARGS)

# The mirror's stand-in for Jitsi's services, built here because sudo may not find go.
e2e demo lab-mirror: export RCPROV_JITSI_DAEMON = $(CURDIR)/bin/jitsi-daemon
e2e demo: bin/jitsi-daemon
# The attacker of law 7, likewise.
e2e: export RCPROV_RACER = $(CURDIR)/bin/racer
e2e: bin/racer
.PHONY: bin/jitsi-daemon bin/racer
bin/racer:
	GOOS=linux $(GO) build -trimpath -ldflags='-s -w' -o $@ ./e2e/conformance/racer
bin/jitsi-daemon:
	GOOS=linux GOARCH=amd64 $(GO) build -trimpath -ldflags='-s -w' -o $@ ./e2e/mirror/jitsi/daemon

bench: build ## compare rcprov with ssh and a hand-written script; prints ratios (ARGS=-rivals: with Ansible, pyinfra, BundleWrap)
	$(GO) build -o bin/bench ./e2e/bench
	@RCPROV_BIN=bin/rcprov $(AS_ROOT) bin/bench $(ARGS)

demo: lab-deps build ## a host, a plan, a second apply, a drift and its repair; leaves nothing behind
	@$(GO) build -o bin/demo ./e2e/cmd/demo
	@RCPROV_BIN=bin/rcprov $(AS_ROOT) bin/demo

lab-deps: ## install what the lab needs on Debian and Ubuntu, if it is missing
	@sh e2e/lab/deps.sh

HOSTS ?= 1
IMAGE ?=
lab-up: ## boot hosts that stay: HOSTS=n IMAGE=debian-12|debian-12-wine|debian-13|ubuntu-24.04|ubuntu-22.04
	@$(GO) build -o bin/lab ./e2e/cmd/lab
	@$(AS_ROOT) bin/lab up -hosts $(HOSTS) $(if $(IMAGE),-image $(IMAGE))

lab-down: ## remove the hosts of lab-up
	@$(GO) build -o bin/lab ./e2e/cmd/lab
	@$(AS_ROOT) bin/lab down

lab-mirror: bin/jitsi-daemon ## serve the hosts of lab-up, until Ctrl-C, what can't be had from the vendors here
	@$(GO) build -o bin/mirror ./e2e/cmd/mirror
	@$(AS_ROOT) bin/mirror

check: lint cross test ## all that CI checks

cross: ## compile for all platforms
	@for platform in $(PLATFORMS); do \
		echo "compile for $$platform"; \
		GOOS=$${platform%/*} GOARCH=$${platform#*/} $(GO) build -o /dev/null ./cmd/rcprov && \
		GOOS=$${platform%/*} GOARCH=$${platform#*/} $(GO) vet ./cmd/... ./modules/... || exit 1; \
	done

# Goreleaser is built first, which takes some minutes; GORELEASER=goreleaser takes one that is installed.
snapshot: ## build what a release is made of (archives, deb, rpm, SBOMs, checksums) in bin/dist; the first time for ten minutes
	$(GORELEASER) release --snapshot --clean

release: ## build and publish the release of the tag that is checked out, with its section of CHANGELOG.md; needs GITHUB_TOKEN
	@mkdir -p bin
	@tag=$$(git describe --exact-match --tags) && \
		awk -v version="$${tag#v}" '/^## /{on = $$2 == version; next} on' CHANGELOG.md >bin/notes.md && \
		{ grep -q . bin/notes.md || { echo "CHANGELOG.md has no section $${tag#v}" >&2; exit 1; }; }
	$(GORELEASER) release --clean --release-notes bin/notes.md

clean: ## remove what was built here
	rm -rf bin

help: ## this list
	@awk -F ':.*## ' '/^[a-z0-9-]+:.*## /{printf "  %-10s %s\n", $$1, $$2}' $(MAKEFILE_LIST)
