// Package linuxtest boots Debian's kernel, unmodified, on the machine that our
// programs build, and holds what Linux says of it against what it should say.
// It has tests only; each boots a kernel for real, so with -short there are none.
//
// The guest is the kernel for clouds that configs/guestkernel fetches, with
// testdata/probe, a static Go program, as its first process. The probe prints
// sections on the console, each begun by a line "== name": files of /proc and
// /sys, checks of its own, the kernel's log. At "== ready" it begins to obey
// capital keys: O powers off, P ends process 1, A K C T reboot by way of ACPI, the
// keyboard controller, port CF9h, a triple fault.
//
// TestKernels boots the kernels for any PC, with 64 bits and with 32, to vmagent
// and testdata/worker, which has its work recorded. TestSyscallTrace
// has testdata/caller, which starts testdata/pie.c, and for gdb testdata/count.c and
// testdata/bank.cc, with the libraries of this computer. TestGuestOS compares what
// package guestos reads of a guest's memory with what testdata/tasks prints of
// /proc in the guest. TestFailures has testdata/fails and testdata/guard.c, with 64
// bits and with 32, fail in every way that the SDK and vmagent report. TestSystemd has
// this computer's systemd as process 1, with the SDK's units, and the services of
// testdata/systemd fail, hang, stop and die under it. TestClassic builds testdata/race, a module, against the
// headers of the guest's kernel. TestBreakIn has Debian's busybox and testdata/breakin,
// where somebody logs in as root with the password "secret".
//
// # What a guest must not spend time on
//
// The processor claims to need no mitigation that costs anything (package
// vmm/cpu), so of the kernel's choices (Documentation, admin-guide,
// hw-vuln) there remain for spectre_v1 a few LFENCEs and for spectre_v2 a bit
// of EFER that is set once. No page tables are switched at each system call, no
// indirect branch goes through a thunk, no buffer or predictor is cleared.
//
// More than half of the instructions of a boot to user space are the kernel's
// tests of its own ciphers, RSA most of all; cryptomgr.notests on its command
// line leaves them out. TestLinux has them run, as they compute much that can
// go wrong.
//
// The kernels for any PC boot without a parameter too. These are thousands of
// millions of instructions to user space, of Linux 6.1:
//
//	debian-amd64  debian-686
//	     4.5           2.3    decompressor: the image is XZ, the cloud's LZ4
//	     0.5           0.4    the rest, but for
//	     0.9           3.7    tests of ciphers, with cryptomgr.notests none
//	      -            1.4    search for ISA cards, with noisapnp none
//
// With 32-bit limbs and no routine in assembly RSA takes four times as long
// (crypto_algapi_init, mpihelp_addmul_1). The search (drivers/pnp/isapnp) tries
// eight read ports, for 43 ms each of waiting in a loop that reads the time-stamp
// counter; 0.35 s of it are 1.4e9 instants. Both are the guest's own work. Neither
// kernel needs nokaslr: the decompressors find RDRAND and RDTSC, and say in
// boot_params that they moved the kernel.
package linuxtest
