package main

const engineerHelp = `A user's appliance failed and sent R-XXXX-XXXX.vmb: the whole machine, from before the
failure to after it. It runs again the same on any computer.

Receive bundles on this computer, and see what came:
      vmbundle inbox serve --listen 127.0.0.1:2525
      vmbundle inbox list

Put together what came as saved messages instead, in any order:
      vmbundle join mails/

Have them replayed in processes apart, and equal crashes counted together:
      vmbundle inbox check

An engineer is told of each new crash, and reporters of what became of theirs: --notify
and --reply of inbox serve. Which version has the fix: inbox fix R-XXXX-XXXX --in 1.2.

A thin bundle (level L2, L1) names pages of files that were published with the appliance,
its kernel, initramfs or golden. Once, for all bundles:
      vmbundle base add vmlinuz initramfs.cpio ledger-0.9.vmg
With --inbox they go beside the reports, for everybody whose VMB_INBOX is that folder, on a
file server too: of a base only what a bundle needs is read.

Look inside without running it; check it without its console:
      vmbundle inspect R-XXXX-XXXX.vmb
      vmbundle verify R-XXXX-XXXX.vmb

Run it again. The console comes from executing, and every heartbeat, input and the end
are compared with the recording; status 7 and the place if they differ:
      vmbundle replay R-XXXX-XXXX.vmb
      vmbundle replay R-XXXX-XXXX.vmb --until 50%

Show it in its own time, to somebody who may take it over: the first key goes live:
      vmbundle replay R-XXXX-XXXX.vmb --speed 1x --takeover

Write down what it did before it failed: system calls, calls, instructions, interrupts:
      vmbundle trace R-XXXX-XXXX.vmb --what syscall
      vmbundle trace R-XXXX-XXXX.vmb --what insn --from -1ms -o insns.txt

Print afterwards what functions were called with, and by whom: the kernel's, or with the
program's ELF file in a folder its own, each time in the recording:
      vmbundle probe R-XXXX-XXXX.vmb vfs_write --print args,stack
      vmbundle probe R-XXXX-XXXX.vmb 'main.(*Bank).Transfer' --symbols . --limit 10

Have it for other tools: the console for asciinema or as pictures, events as lines of JSON,
memory and registers for crash, drgn and gdb, a profile for go tool pprof:
      vmbundle export R-XXXX-XXXX.vmb --format asciicast -o console.cast
      vmbundle export R-XXXX-XXXX.vmb --format vmcore --at 50% -o vmcore

Stop anywhere and go on live from there, with this terminal as the guest's console. With
--record what happens then is kept: a branch, to be replayed and left like the report.
Its name stands wherever a file does; tree shows them all, names, annotates, drops them:
      vmbundle golive R-XXXX-XXXX.vmb --at 50%
      vmbundle golive R-XXXX-XXXX.vmb --at 50% --record another-way
      vmbundle replay another-way
      vmbundle tree R-XXXX-XXXX.vmb

Debug it with gdb, forwards and backwards, from the failure or anywhere else. Threads are
the guest's tasks, and break, watch, reverse-continue and reverse-stepi work; "monitor
help" lists more, as "monitor why WHAT": where memory was last written. With the ELF files
of programs and of kernel modules (.ko) in a folder, their symbols are there too. For LLDB,
forwards only: --stub-only, which prints how to start it.
      vmbundle gdb R-XXXX-XXXX.vmb
      vmbundle gdb R-XXXX-XXXX.vmb --at 50% -- -batch -ex "info threads"
      vmbundle gdb R-XXXX-XXXX.vmb --symbols . --source ~/src/ledger --process ledger

List who last read and wrote something: an address, a symbol, or a program's variable:
      vmbundle who R-XXXX-XXXX.vmb 'main.books.accounts[14].balance' --symbols .

Let a script or an editor do it: the debugger's calls as JSON-RPC, a line each:
      vmbundle session R-XXXX-XXXX.vmb

List the guest's processes, with their command lines:
      vmbundle ps R-XXXX-XXXX.vmb --at 50%

Find where two recordings of one start part, or whether both engines agree on one:
      vmbundle bisect R-XXXX-XXXX.vmb

A position is an instant (123456789), a time from the start (12.5s) or the end (-3s), a
share (50%), a mark (@name), failure, start or end. What was replayed on the way to one is
kept as checkpoints, in ~/.cache/vmrecord: another time the way is short. To do without:
--no-cache; more or less of them: --checkpoint-memory.
`
