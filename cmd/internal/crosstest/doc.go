// Package crosstest replays on other kinds of host what this one recorded, and
// has them record what this one recorded already. It has tests only.
//
// # Hosts
//
// The other hosts are arm64, whose compilers fuse a multiplication with an
// addition and whose floating point unit chooses other NaNs, and 386, whose
// int has 32 bits. Programs are built for them here. Those for arm64 run under
// Debian's qemu-user. Those for 386 are run by this processor: under qemu-i386
// (7.2) every Go program dies in its second thread.
//
// # What is compared
//
// This host makes three recordings, pieces of a boot of Linux: its decompressor,
// from the first instant; where it builds its page tables and reads ACPI's; where
// it has interrupts and patches its code. Each host's vmbundle replays them, which
// compares every input's registers, every heartbeat, the end hash and the console.
// Its report must be this host's, but for the times, and so must the console.
//
// The other way round, each host records a bare-metal guest from its first instant
// to its end, with keys, leaps, both timers, and integer, MMX, SSE, x87 and string
// work, page faults and code that patches itself. The tape must be
// testdata/bare.golden, to the last heartbeat. Tests of the packages on which a
// difference could be blamed run on each host, too.
//
// Big-endian hosts are not among them: all parsers and all of guest memory go
// through encoding/binary, but nobody has run them there.
package crosstest
