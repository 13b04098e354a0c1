package main

const isvHelp = `Make an appliance: your program in a virtual machine that records its own failures.

 1. Write a configuration and edit it:
      vmappliance init appliance.toml
 2. Fetch the kernel that guests boot, once:
      vmappliance build --kernel debian
 3. Put the SDK into your source tree, and call it around what fails now and then:
      vmappliance sdk go ./vmrecordsdk
      err := recorder.Guard("import", func() error { return importFile(name) })
    Recording starts, and is dropped if the function returns nil; an error or a panic
    keeps it. On any other machine the calls do nothing.
    What ends a program elsewhere (a signal, exit, silence, a failed service) is a
    failure too, with recorder.CatchCrashes, vmagent exec, core and watch (vmagent
    help), or, in a guest with systemd, units: vmappliance sdk systemd ./units. Kernel
    panics and the like are seen from outside; [record.triggers] in appliance.toml says
    what else is. What fails outside of a recording can be caught, too: [record.ring]
    has the last while always recorded, and recorder.Save or a failure keeps it.
 4. Build your program static, for linux/amd64, and pack it with vmagent as init:
      printf 'run = /program\n' > init.conf
      vmappliance build --initramfs initramfs.cpio --file init=./vmagent --file program=./program --file etc/vmrecord/init.conf=init.conf
    Of a C program that is built with -fno-omit-frame-pointer, the callers of what
    failed are known: by them equal crashes are counted together.
 5. Try it; Ctrl-] q quits. A rehearsal sends what fails to an inbox of its own, opens
    it with your keys, and forgets it:
      vmappliance run appliance.toml
      vmappliance run appliance.toml --rehearse
    In a test --guest-status tells by status 10 that a failure was recorded, and --json
    prints which.
    So that it starts in less than a second instead of booting, and what users send is
    small, make a golden, and keep it where you debug (vmbundle base add). In a guest
    that is started from it vmagent, as init, sets the clock and has the kernel make new
    random numbers, within a second. What programs keep of either is theirs to renew:
    recorder.WatchResume tells them.
      vmappliance build --golden program.vmg appliance.toml
    With --gdb it waits for gdb, which debugs the whole machine while it records.
 6. Make your keys, write the public one into the configuration, and sign it for users,
    who run appliance.signed.toml: only your key can change whom reports go to, what they
    are sealed to, and which kernel and initrd are recorded. You give users these files,
    too, so the kernel is one of yours. Help keys says what to do when a key is lost or
    stolen. With --enroll and a code that "vmbundle inbox enroll new" made, your inbox
    takes reports of computers that ran your appliance, and of no others:
      vmbundle keys new
      cp "$(vmappliance build --kernel debian)" vmlinuz
      sed -i 's/^kernel = "debian"/kernel = "vmlinuz"/' appliance.toml
      vmappliance build --sign vendor appliance.toml
      vmbundle help keys
 7. Receive what users send, and replay it:
      vmbundle inbox serve
      vmbundle help engineer

What of the guest's memory a bundle shows is up to you and your users: see the
comments under [consent] in appliance.toml. A bundle holds all of it but what is in
vendor.bases (level L2; without, L3); where that is more than is mailed, what its replay
uses (L1); what cannot go announces itself with a short report (L0).
`

const userHelp = `Run an appliance that somebody gave you; doctor says what is missing on this computer:

      vmappliance run appliance.toml
      vmappliance doctor
      vmappliance selftest

The terminal is the guest's console. One key is ours, Ctrl-], followed by
      ?  help      q  quit      m  mark this moment      .  start or stop recording
      r  review the reports that wait for your consent
      k  keep what was recorded so far, of an appliance that records always

While the machine records itself, the bottom row shows "● REC". A recording holds
all of the guest's memory and all that happens in it from then on. One that ends well
is dropped; one of a failure is kept, and becomes a report. "● RING" says that the
last while is always recorded, and forgotten unless it is kept or shows a failure. You
are asked whether a report is sent to the vendor when you press Ctrl-] r, when the guest
ends, or by one of

      vmappliance review
      vmappliance preview R-XXXX-XXXX
      vmappliance send R-XXXX-XXXX

A recording cannot be cleaned of secrets afterwards: what protects you is to look at
it before, and that it is sealed to the vendor. To see what is kept, and what was sent:

      vmappliance recordings list
      vmappliance outbox list

The list tells, too, what the vendor found out about what you sent: whether it happens
there as well, and which version has the fix. To ask now:

      vmappliance outbox status

To send again what could not be sent, or to keep one from being sent:

      vmappliance outbox retry
      vmappliance outbox cancel R-XXXX-XXXX

What was kept when the appliance was killed, or the disk was full, becomes a report with
its next run.

What you decided about all reports of an appliance, and how to decide: send each
without asking, only a short report without memory, ask, or send nothing. Without a word
of yours the appliance's configuration counts; it says so when it first runs.

      vmappliance consent
      vmappliance consent give
      vmappliance consent report
      vmappliance consent ask
      vmappliance consent revoke

Recordings and the outbox lie under ~/.local/share/vmrecord. To be rid of them:
"vmappliance recordings drop --all" and "vmappliance outbox prune".
`
