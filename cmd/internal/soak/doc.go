// Command soak has a guest work for half an hour, records all of it, and
// replays the recording on both engines:
//
//	go run ./cmd/internal/soak                                    # 30 minutes, and as long again for the replays
//	go run ./cmd/internal/soak -for 3m -package errors -dir soak  # a short one
//
// It builds vmappliance and vmbundle from this checkout, and drives them as a
// user would: vmappliance run, vmbundle pack, vmbundle replay --engine jit to
// the end, and at the same time vmbundle replay --engine interp to the share of
// the way that -share says. It needs Debian's kernel in the cache
// (vmappliance build --kernel debian) and a Linux host on amd64 with twice the
// guest's memory.
//
// Each replay compares every heartbeat. The report has, besides, how many
// instructions there were and how many of them translated, the size of the tape,
// and each program's memory over time. Exit status: 0 if all is as it should be,
// 1 if not (the report says what), 2 if that could not be found out.
//
// # The guest
//
//	/init   testdata/init, process 1
//	/plan   JSON: how long, what to build, the go command's environment
//	/go     the go command, compiler, assembler, linker, and the sources of what is built
//
// Right at its start it begins the recording, by the SDK for guests, and ends it
// before it powers off. In between it does rounds of three stages, each of which
// is a mark on the tape:
//
//   - forks: 200 children at once that wait for one another and store to pages
//     which they share with their parent, and trees of 84 processes that execute
//     the program anew, for a twentieth of the time;
//   - timers: nanosleep, timerfd, both sorts of setitimer, two clocks read in
//     turn, for a fortieth of the time; no wait is too short;
//   - build: go build of cmd/gofmt with all that it imports, with an empty cache
//     in memory, one process at a time. The result must be, bit by bit, what the
//     same toolchain makes here.
//
// The first round is whole, however long it takes; the end of time cuts short any
// other.
//
// Pace is real, so its time is that of this host. For each stage it says a line
// on the console, "@@ " and JSON:
//
//	stage    "forks", "timers", "build"; "error"; "off", the last
//	round    from 1
//	count    processes; timers that rang; bytes built
//	seconds  which it took
//	text     of a build its SHA-256, of an error why
package main
