# The project's tasks. `make help` lists them.
#
# Every target gets what it needs by itself: Go, Node, Python 3 and git are all
# that has to be there. What is fetched or built goes to .tools, results of test
# runs go to dist; git knows neither.

SHELL := bash
.DEFAULT_GOAL := help
.DELETE_ON_ERROR:

GO           ?= go
TOOLS        := .tools
DIST         := dist
VERSION       = $(shell git describe --tags --always --dirty 2>/dev/null || echo dev)
COMMIT        = $(shell git rev-parse HEAD 2>/dev/null)
DATE          = $(shell git show -s --format=%cI HEAD 2>/dev/null)
EXAMPLE      := examples/device-tokens

# Tools, each built once a version. The version is in the file's name, so that
# raising it here builds the new one.
GOTESTSUM_VERSION    := v1.13.0
GOLANGCI_VERSION     := v2.15.0
BUF_VERSION          := v1.75.0
ACTIONLINT_VERSION   := v1.7.12
GOTESTSUM  := $(TOOLS)/bin/gotestsum-$(GOTESTSUM_VERSION)
GOLANGCI   := $(TOOLS)/bin/golangci-lint-$(GOLANGCI_VERSION)
BUF        := $(TOOLS)/bin/buf-$(BUF_VERSION)
ACTIONLINT := $(TOOLS)/bin/actionlint-$(ACTIONLINT_VERSION)

# The tests that use the lab run Terraform and its providers, which need a core
# and half a gigabyte each: three packages at a time, whatever the machine, and the
# two first that take the longest. What is not needed costs time: lint vets, and
# nobody debugs these binaries.
PACKAGES      ?= ./internal/detect ./internal/cli ./...
GO_TEST_FLAGS ?= -count=1 -p=2 -parallel=6 -timeout=75m -vet=off -ldflags=-w

# Terraform and the AWS provider spend a tenth of their time on collecting garbage,
# mostly of a schema that stays.
TEST_GOGC ?= 400

# Packages that share data between goroutines or are pure: quick enough for the
# race detector, without the tests that run Terraform or Chromium. It needs a C compiler.
RACE_PACKAGES ?= ./internal/drift/... ./internal/store/... ./internal/config/... ./internal/state/... ./internal/report/... ./internal/stack/... ./internal/provider/... ./internal/checkout/... ./internal/server/access/...

# How long `make fuzz` spends on each fuzz target.
FUZZTIME ?= 10s

# The places of Terraform, the provider mirror and Python, as scripts/setup
# found or made them.
WITH_LAB = set -a; . ./$(TOOLS)/env; set +a;

.PHONY: help
help: ## list the targets
	@awk -F ':.*## ' '/^[a-z-]+:.*## / { printf "  %-12s %s\n", $$1, $$2 }' $(firstword $(MAKEFILE_LIST))

.PHONY: setup
setup: ## get what tests, demo and benchmark need: Terraform, the AWS provider, moto, Azurite, Chromium, axe-core
	@scripts/setup
	@scripts/setup-azurite
	@scripts/setup-browser

.PHONY: build
build: ## build bin/holdfast
	$(GO) build -trimpath -ldflags "-X holdfast/internal/app.Version=$(VERSION) -X holdfast/internal/app.Commit=$(COMMIT) -X holdfast/internal/app.Date=$(DATE)" \
		-o bin/holdfast ./cmd/holdfast

.PHONY: release-dry-run
release-dry-run: ## build all that a release has, for six targets, into dist/release, and look at it
	@scripts/release-dry-run

.PHONY: test
test: test-node test-go ## run all tests; one that lacks its tools fails instead of skipping

.PHONY: test-node
test-node: setup ## run the example's tests alone
	@mkdir -p $(DIST)/test
	npm ci --prefix $(EXAMPLE) --no-fund --no-audit
	@$(WITH_LAB) set -o pipefail; { npm test --prefix $(EXAMPLE) && npm run test:stack --prefix $(EXAMPLE); } 2>&1 \
		| tee $(DIST)/test/node.log

.PHONY: test-go
test-go: setup $(GOTESTSUM) ## run the Go tests alone, or those of PACKAGES=./internal/...
	@mkdir -p $(DIST)/test
	@$(WITH_LAB) HOLDFAST_REQUIRE_LAB=1 GOGC=$(TEST_GOGC) $(GOTESTSUM) --format pkgname --format-hide-empty-pkg \
		--jsonfile $(DIST)/test/go.json --junitfile $(DIST)/test/go.xml -- $(GO_TEST_FLAGS) $(PACKAGES)

.PHONY: race
race: ## run the tests of the packages that need no lab under the race detector
	@if [ "$$($(GO) env CGO_ENABLED)" = 1 ]; then \
		$(GO) test -race -count=1 -p=2 -vet=off -ldflags=-w -skip 'Terraform|Console|InBrowser' $(RACE_PACKAGES); \
	else echo "race: skipped, the race detector needs a C compiler"; fi

.PHONY: lint
lint: lint-go lint-terraform lint-proto lint-ci ## check style and import rules: Go, Terraform, protobuf, workflows

.PHONY: lint-go
lint-go: $(GOLANGCI)
	$(GOLANGCI) run
	@unformatted=$$(git ls-files -co --exclude-standard -- '*.go' | xargs "$$($(GO) env GOROOT)/bin/gofmt" -l) && \
		if [ -n "$$unformatted" ]; then echo "not formatted with gofmt:"; echo "$$unformatted"; exit 1; fi
	$(GO) vet ./...
	$(GO) mod tidy -diff

.PHONY: lint-terraform
lint-terraform: setup
	@$(WITH_LAB) TF_CLI_CONFIG_FILE=/dev/null "$$HOLDFAST_LAB_TERRAFORM" fmt -check -recursive -diff examples deploy

# The committed stubs must be what the .proto says.
.PHONY: lint-proto
lint-proto: $(BUF)
	$(BUF) lint
	@rm -rf $(TOOLS)/proto && $(BUF) generate --output $(TOOLS)/proto
	@diff -ru internal/provider/plugin $(TOOLS)/proto/internal/provider/plugin --exclude='*.proto' \
		|| { echo "the protobuf stubs are out of date; run make generate"; exit 1; }

.PHONY: lint-ci
lint-ci: $(ACTIONLINT)
	$(ACTIONLINT)
	scripts/lint-action $(ACTIONLINT)

.PHONY: generate
generate: $(BUF) ## make the protobuf stubs anew
	$(BUF) generate

.PHONY: demo
demo: setup build ## show it: apply the example to an emulated AWS, change it by hand, find the drift
	@$(WITH_LAB) $(GO) run ./internal/lab/demo

.PHONY: bench
bench: setup build ## measure it beside terraform plan, into docs/benchmarks.md
	@$(WITH_LAB) $(GO) run ./internal/lab/bench

# How many rounds, and which sizes, as the benchmark's own flags.
FLEET_FLAGS ?=

.PHONY: bench-fleet
bench-fleet: setup build ## measure 1 to 1,000 stacks beside plans, into docs/benchmarks-fleet.md
	@$(WITH_LAB) $(GO) run ./internal/lab/bench -fleet -out docs/benchmarks-fleet.md $(FLEET_FLAGS)

.PHONY: bench-store
bench-store: ## measure saving a run of 1,000 stacks into the history, against its bar
	$(GO) test -run='^$$' -bench=SaveRun -benchtime=3x ./internal/store

.PHONY: bench-queue
bench-queue: ## measure rounds of 10,000 stacks over a queue in SQLite and in PostgreSQL, against their bar
	HOLDFAST_REQUIRE_LAB=1 $(GO) test -run='^$$' -bench='^BenchmarkRound$$' -benchtime=1x -timeout=1h ./internal/queue

# The bar is that of the drift report: under one second for 500 findings and
# 2,000 rows of history.
.PHONY: bench-report
bench-report: ## measure writing a drift report of 500 findings and 2,000 rows; the bar is 1 s
	$(GO) test -run='^$$' -bench='^BenchmarkDriftReport$$' -benchmem ./internal/report

# The bars are 20 s and 300 MB.
.PHONY: bench-attribution
bench-attribution: ## measure matching 1,000,000 CloudTrail records against 500 findings, against its bars
	$(GO) test -run='^$$' -bench='^BenchmarkAttribute$$' -benchtime=3x ./internal/attribution

.PHONY: bench-server
bench-server: ## measure the API and the pages over a year of 10,000 stacks, in SQLite and PostgreSQL; the bar is 100 ms
	$(GO) test -run='^$$' -bench='^BenchmarkServer$$' -benchtime=1x -timeout=20m ./internal/server

.PHONY: fuzz
fuzz: ## run each fuzz target for FUZZTIME (10s)
	@git grep -lI --untracked '^func Fuzz' -- '*_test.go' | xargs -n1 dirname | sort -u | while read -r dir; do \
		sed -n 's/^func \(Fuzz[A-Za-z0-9_]*\)(.*/\1/p' "$$dir"/*_test.go | while read -r target; do \
			echo "$$dir $$target"; \
			$(GO) test -run='^$$' -fuzz="^$$target\$$" -fuzztime=$(FUZZTIME) "./$$dir" </dev/null || exit 1; \
		done || exit 1; \
	done

.PHONY: clean
clean: ## remove what was built; keep what setup fetched
	rm -rf bin $(DIST)

.PHONY: distclean
distclean: clean ## remove also what setup fetched
	rm -rf $(TOOLS) $(EXAMPLE)/node_modules

# $(call install,PACKAGE,VERSION) builds a tool and puts its version behind its
# name. The build is one of the tool's own module, not of this one.
define install
	@echo "building $(notdir $@), once"
	@mkdir -p $(TOOLS)/bin && dir=$$(mktemp -d) && trap 'rm -rf "$$dir"' EXIT && \
		GOBIN="$$dir" $(GO) install $(1)@$(2) && mv "$$dir"/* $@
endef

$(GOTESTSUM):
	$(call install,gotest.tools/gotestsum,$(GOTESTSUM_VERSION))

$(GOLANGCI):
	$(call install,github.com/golangci/golangci-lint/v2/cmd/golangci-lint,$(GOLANGCI_VERSION))

$(BUF):
	$(call install,github.com/bufbuild/buf/cmd/buf,$(BUF_VERSION))

$(ACTIONLINT):
	$(call install,github.com/rhysd/actionlint/cmd/actionlint,$(ACTIONLINT_VERSION))
