# The targets have EdgeX's names. `make run` shows Sluice at work, `make test` checks everything.

VERSION ?= $(shell git describe --tags --always --dirty 2>/dev/null || echo dev)
GOFLAGS_BUILD = -trimpath -ldflags "-s -w -X github.com/edgesluice/sluice/appservice.Version=$(VERSION) -X main.version=$(VERSION)"
IMAGE ?= edgesluice/app-sluice:$(VERSION)
BENCH_DIR ?= ../shared/bench
FUZZTIME ?= 30s

export CGO_ENABLED = 0

.PHONY: build tidy unittest lint test docker clean run gen check bench fuzz cross package tools

build:
	go build $(GOFLAGS_BUILD) -o bin/app-sluice ./cmd/app-sluice
	go build $(GOFLAGS_BUILD) -o bin/sluice ./cmd/sluice

# The demonstration: virtual EdgeX devices, a broker inside the service, two rules, results on the terminal.
run: build
	SLUICE_DEMO=true SLUICE_DATADIR=$${SLUICE_DATADIR:-data/demo} bin/app-sluice --configDir res --profile standalone

# Everything: tools and brokers that tests need, lint, and then the tests, whose summary comes last.
test: tools lint unittest

# SLUICE_TEST_SERVERS=all: a missing broker fails the tests rather than skipping them.
unittest:
	CGO_ENABLED=1 SLUICE_TEST_SERVERS=all go test -race ./...
	cd deploy/kubernetes && go test ./...

lint:
	@test -z "$$(gofmt -l . | tee /dev/stderr)" || { echo "gofmt -w the files above"; exit 1; }
	go vet ./...
	go tool staticcheck ./...
	cd deploy/kubernetes && go vet ./...
	GOOS=linux GOARCH=arm GOARM=7 go build -o /dev/null ./cmd/app-sluice # 32 bits: the smallest gateways

check: lint unittest
	go run ./internal/gen -check

tools:
	@.ci/tools

tidy:
	go mod tidy

# Documentation and forms that are derived from the declarations of functions, sources and sinks.
gen:
	go run ./internal/gen

# Go's own benchmarks, then the load harness if it is there: CPU per message, memory, every result checked.
bench: build
	go test -run '^$$' -bench . -benchmem -benchtime=1s ./sqlfn/... ./sources/... ./sinks/...
	.ci/bench $(BENCH_DIR)

# Every fuzz target for FUZZTIME.
fuzz:
	.ci/fuzz $(FUZZTIME)

cross:
	GOOS=linux GOARCH=amd64 go build $(GOFLAGS_BUILD) -o bin/linux-amd64/ ./cmd/...
	GOOS=linux GOARCH=arm64 go build $(GOFLAGS_BUILD) -o bin/linux-arm64/ ./cmd/...
	GOOS=linux GOARCH=arm GOARM=7 go build $(GOFLAGS_BUILD) -o bin/linux-arm/ ./cmd/...
	GOOS=linux GOARCH=riscv64 go build $(GOFLAGS_BUILD) -o bin/linux-riscv64/ ./cmd/...

# One archive a platform: both programs, the configuration and the licence.
package: cross
	for p in amd64 arm64 arm riscv64; do \
	  tar -czf bin/sluice-$(VERSION)-linux-$$p.tar.gz --transform "s,^,sluice/," -C bin/linux-$$p app-sluice sluice -C ../.. res LICENSE Attribution.txt README.md; \
	done

docker:
	docker build --build-arg VERSION=$(VERSION) -t $(IMAGE) .

clean:
	rm -rf bin data
