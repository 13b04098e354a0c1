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
//
// Lines of the file that are empty or begin with '#' mean nothing; blanks around
// key and value go; any other line is an error with its number. On the command
// line a value with blanks stands in double quotes, as the kernel wants it, and
// an unknown vmagent.* setting is an error too. Errors are printed on the console
// and the machine powers off: an image that cannot start must not look alive.
//
// Networks, modules, users and services are not its work; an image that needs
// them brings a real init and calls vmagent's verbs from there.
package guestagent
