// Command guesttests runs the tests of Go's own standard library in a guest and
// outside, and compares what each says: a second proof of the processor, by
// programs whose makers never thought of it. Arithmetic of all sizes, formatted
// and parsed floats, ciphers and hashes by AES-NI, PCLMULQDQ and SSE, elliptic
// curves, TLS over the loopback interface, and a runtime that moves stacks,
// collects garbage and sends itself signals.
//
//	go run ./cmd/internal/guesttests                       # all that is named in tree.go
//	go run ./cmd/internal/guesttests -packages math,sync   # some
//	go run ./cmd/internal/guesttests -cpu                  # cpuinfo, lscpu, vulnerabilities
//
// The test of this package runs those that take seconds, and holds what Linux
// and lscpu say of the guest's processor against CPUID.
//
// # The tree
//
//	/init          testdata/runner, for the oldest processor
//	/plan          what it runs: lines of name, "test" or "show", folder, program and its arguments, with tabs between them
//	/env           the environment of what it runs
//	GOROOT/src/PKG the package's files and testdata, and its test as pkg.test
//
// One tree serves both sides. Inside it is the initial ramdisk of Debian's
// kernel for clouds; outside it is the root of namespaces of its own. On both
// sides there are /proc, /sys, /dev, an empty /tmp, one processor, a network of
// loopback, and no go command, so that tests that build programs skip
// themselves. GODEBUG takes away outside what our processor does not have,
// VEX above all: tests of each implementation of an algorithm are then the same
// ones.
//
// Guest time is counted in instants, unpaced, and jumps while the guest sleeps:
// what waits does not take longer than outside, and no deadline is missed for
// the host's sake. Not run are benchmarks, and, but for -short=false, what
// tests do only when they are not to be short.
//
// # What the runner says
//
// On the guest's console, among what the kernel says:
//
//	@@ begin NAME
//	@@ PASS TEST              or FAIL
//	@@ SKIP TEST TAB WHY
//	@@ | LINE                 the end of a failed program's output, or all of one that is shown
//	@@ end NAME ok            or how the program failed
//	@@ error WHY
//	@@ off                    the last line
package main
