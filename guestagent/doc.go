// Package guestagent is what runs inside an appliance's guest beside the
// vendor's program: a small init for an image that has none, and the recording
// verbs for a person or a shell script. Program vmagent is its main.
//
// # As process 1
//
// [Init] mounts /proc, /sys, /dev, /dev/pts, /run and /tmp, opens the console,
// runs one program in its foreground, reaps whatever becomes an orphan, and
// when the program has ended syncs and powers the machine off. Its settings come
// from /etc/vmrecord/init.conf, then from the kernel's command line, the later
// one winning:
//
//	file              command line          meaning
//	run = /ledger     vmagent.run=/ledger   program and arguments, split at blanks
//	dir = /           vmagent.dir=/         its working folder
//	at-end = poweroff vmagent.at-end=...    poweroff, reboot or halt
//	env.NAME = value                        one variable of its environment
//	serve = /ledger   vmagent.serve=/ledger tell facts first, as vmagent serve does
//
// Lines of the file that are empty or begin with '#' mean nothing; blanks around
// key and value go; any other line is an error with its number. On the command
// line a value with blanks stands in double quotes, as the kernel wants it, and
// an unknown vmagent.* setting is an error too. Errors are printed on the console
// and the machine powers off: an image that cannot start must not look alive.
//
// # After a start from a saved state
//
// A machine can start from a golden, the memory of a guest that ran before, and so
// with that guest's clock and random numbers. Init keeps a channel open and asks it
// once a second of guest time, with one port access, whether the machine was resumed
// (wire.StatusCheckpoint). Then it sets CLOCK_REALTIME to what the backdoor's GETTIME
// tells, which is the real-time clock's and needs no driver; writes it to /dev/urandom;
// and has the kernel draw a new key (RNDRESEEDCRNG of random(4), Linux 4.14), for which
// that asks RDSEED or RDRAND, stirred by the machine at such a start. It says so on
// the console. Up to then, at most a second, and in what programs made of either before,
// such as the seeds of generators of their own, all starts are alike.
//
// A golden may be older than the channel. So Init does the same before it runs the
// program if the two clocks are more than 2 s apart: a kernel that booted here has read
// the real-time clock, to the second. Under another init a guest is on its own.
//
// # What is a failure
//
// exec takes an exit status other than 0 or a death by a signal for one, and with
// --guarded that the command ended while a recording of its own ran. A death by
// SIGTERM, and status 143 by which a shell or watch tells it, is none: that is how a
// service is stopped. exec and watch pass SIGTERM on, and stay for the end. core is
// the kernel's handler of core files (core(5)): it tells the program, its build id, the
// signal and the instruction. crash, started by recorder.CatchCrashes, passes on
// what a Go program's runtime says last. watch gives a command the socket of
// sd_notify(3): no WATCHDOG=1 for a while is a failure, and so is WATCHDOG=trigger;
// STOPPING=1, or SIGTERM to watch, ends that, and READY=1 counts as a heartbeat. All
// messages go on to the socket that watch was given, without file descriptors.
//
// All of them mean the recording that runs, whoever began it: there is one for the
// whole machine. They end it, and it is kept.
//
// # Under systemd
//
// The SDK has units (systemd 252 ran them). vmrecord.service has serve and core work
// at boot; a unit that fails starts vmrecord-fail@.service, which it names at
// OnFailure=. To systemd a unit with Restart= fails when it is given up only, and each
// end of it runs ExecStopPost=, where example.service reports what kills vmagent, too.
//
// # What the agent tells
//
// serve tells facts, with [recorder.Fact], which stay the machine's until it is
// switched off and go into every recording:
//
//	kernel.release      /proc/sys/kernel/osrelease
//	kernel.build-id     the GNU build id of /sys/kernel/notes, hexadecimal
//	kernel.vmcoreinfo   /sys/kernel/vmcoreinfo: physical address and size
//	kernel.modules      NAME@ADDRESS of each, the last loaded first, at most 1024 bytes
//	program.NAME        build id of a program named to it
//
// Networks, modules, users and services are not its work; an image that needs
// them brings a real init and calls vmagent's verbs from there.
package guestagent
