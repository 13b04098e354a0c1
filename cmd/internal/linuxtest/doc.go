// Package linuxtest boots Debian's kernel, unmodified, on the machine that our
// programs build, and holds what Linux says of it against what it should say.
// It has tests only; each boots a kernel for real, so with -short there are none.
//
// The guest is the kernel that configs/guestkernel fetches, with
// testdata/probe, a static Go program, as its first process. The probe prints
// sections on the console, each begun by a line "== name": files of /proc and
// /sys, checks of its own, the kernel's log. At "== ready" it begins to obey
// capital keys: O powers off, P ends process 1, A K C T reboot by way of ACPI, the
// keyboard controller, port CF9h, a triple fault.
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
package linuxtest
