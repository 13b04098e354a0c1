# make demo   sets up what is missing and shows the main job (JSON=1, SEED=n, OUT=dir)
# make test   sets up what the tests use and passes them all
# make fuzz   gives every fuzz target FUZZTIME (10m)
# make build  the three programs, in bin/

export CGO_ENABLED = 0
OUT ?= demo-out

.PHONY: build demo test fuzz bench clean

build:
	@go build -trimpath -buildvcs=auto -o bin/ ./cmd/vmappliance ./cmd/vmbundle ./cmd/vmagent

demo: build
	@go run ./configs/demo/drive -bin bin -out "$(OUT)" $(if $(JSON),-json) $(if $(SEED),-seed $(SEED)) $(DEMOFLAGS)

test:
	@.ci/setup
	go vet ./...
	go test -timeout 40m ./...

fuzz:
	@.ci/fuzz

bench:
	go test -run '^$$' -bench . ./vmm/... ./hwdevices/...

clean:
	rm -rf bin demo-out
