# `make help` lists the targets. Everything runs on Linux with Go, Node.js, git
# and make; what the tests need beside is installed by scripts/test-setup.

GO ?= go
BIN := bin/liberdus
# How long `make fuzz` gives each target.
FUZZTIME ?= 20s

.PHONY: help build release docs demo test race fuzz e2e bench bench-go soak module lint setup

help: ## list the targets
	@awk -F':.*## ' '/^[a-z0-9]+:.*## / {printf "  make %-8s %s\n", $$1, $$2}' $(MAKEFILE_LIST)

build: ## build bin/liberdus
	@mkdir -p bin
	$(GO) build -trimpath -o $(BIN) .

# The platforms of `make release`; none is all.
PLATFORMS ?= linux/amd64 linux/arm64 darwin/amd64 darwin/arm64 windows/amd64

release: ## dist/: static, reproducible archives for PLATFORMS, and their checksums
	CGO_ENABLED=0 $(GO) run -trimpath ./internal/release -platforms '$(PLATFORMS)'

demo: build ## run a network, two users and a transfer over WebRTC
	@$(GO) run ./internal/demo $(BIN)

# What is installed comes over the network while lint computes.
test: ## install what the tests need, then lint and test everything
	@$(MAKE) -j2 --output-sync=target setup lint
	@$(MAKE) race
	@$(MAKE) e2e

setup: ## install what the tests need: a browser, strace, nftables, a C compiler, npm packages
	./scripts/test-setup

# Without vet, which lint runs on more.
race: ## the unit tests, under the race detector
	$(GO) test -race -vet=off -timeout 15m $$($(GO) list ./... | grep -v /e2e$$)

# Apart from the others: some promises are in seconds, and the machine may be small.
# Most of the time a test waits for a process, so more run at once than there are processors.
e2e: setup ## the real clients: Node.js, Chromium, npm peer
	$(GO) test -race -vet=off -count=1 -timeout 15m -parallel 4 ./e2e

fuzz: ## every fuzz target, FUZZTIME (20s) each
	@$(GO) list ./... | while read -r pkg; do \
		for f in $$($(GO) test -list '^Fuzz' $$pkg | grep '^Fuzz'); do \
			echo "$$pkg $$f"; $(GO) test -run '^$$' -fuzz "^$$f$$" -fuzztime $(FUZZTIME) -fuzzminimizetime 20x $$pkg || exit 1; \
		done; done

# All of it takes hours; the tables, the curves and the scoreboard in docs/ are written anew.
BENCH ?= -o docs/benchmarks.md

bench: setup build ## side by side with what it is compared with, into docs/benchmarks.md; BENCH="-run regexp -quick" for a look
	$(GO) run ./bench $(BENCH)

bench-go: ## the benchmarks of single packages
	$(GO) test -run '^$$' -bench . -count 3 ./internal/... ./rtc ./signaling ./nodelist

# For how long `make soak` keeps a network of processes busy, and where it puts what it measured.
MINUTES ?= 30
SOAKED ?= docs/soak
# How many connects `make soak` breaks off, and how many sessions it uses and closes.
CHURNS ?= 10000
ROUNDS ?= 3000

soak: build ## have clients of all kinds come and go for MINUTES (30), break off CHURNS (10000) connects, use and close ROUNDS (3000) sessions, kill and try ledgers, try lists; fail if anything stays or is lost
	$(GO) run ./internal/soak -minutes $(MINUTES) -o $(SOAKED) $(BIN)
	$(GO) test -count=1 -timeout 2h -v -run '^TestChurn$$' ./rtc -args -churns $(CHURNS)
	$(GO) test -count=1 -timeout 2h -v -run '^TestSessionsComeAndGo$$' ./roles/client -args -rounds $(ROUNDS)
	LEDGER_TEST_CRASH_ROUNDS=50 $(GO) test -count=1 -timeout 2h -run '^(TestKillUnderLoad|TestBooks|TestRandomTransactions)$$' ./internal/ledger -args -rapid.checks 1000
	$(GO) test -count=1 -timeout 2h -run '^TestListAgainstModel$$' ./nodelist -args -rapid.checks 1000

docs: ## write docs/configuration.md of what the program has
	$(GO) test -count=1 -run '^TestConfigurationReference$$' . -args -update

module: ## make internal/web/liberdus.min.js of liberdus.js, after a change to it
	cd e2e/js && node_modules/.bin/esbuild ../../internal/web/liberdus.js --bundle --minify --format=esm --target=es2022 '--mangle-props=^(ask|emit|gone|live|doubts?|ended|peers|pending|pin|stats|visit)$$' --outfile=../../internal/web/liberdus.min.js

# Built as the release is, so that both use the same cache.
lint: export CGO_ENABLED = 0
lint: export GOFLAGS = -trimpath
lint: ## vet, staticcheck, gofumpt, go mod tidy
	$(GO) vet ./...
	$(GO) tool staticcheck ./...
	@test -z "$$($(GO) tool gofumpt -l .)" || { $(GO) tool gofumpt -d .; exit 1; }
	$(GO) mod tidy -diff
