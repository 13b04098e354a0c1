// Package configs reads the description of an appliance: one TOML file that an
// ISV ships beside a guest.
//
// # The file
//
// A key that is not listed here is an error; the message names the nearest one.
// Paths are relative to the file. A SIZE is a whole number of bytes, or a
// number with K, M or G (1024, 1024², 1024³).
//
//	[appliance]
//	name       text, required   what the user and the vendor call it
//	version    text, required   of the ISV's program
//
//	[machine]
//	memory     SIZE, required   16M to 3G, whole 4 KiB pages
//	kernel     path             bzImage; "debian": the one that
//	                            "vmappliance build --kernel debian" fetched
//	initrd     path             with kernel
//	append     text             with kernel: its command line
//	kernel_sha256 text          of that file, and initrd_sha256 of the other: only these
//	                            are booted; required in a signed file
//	golden     path             state to start from instead of booting: "vmappliance
//	                            build --golden" makes it. Where kernel, initrd, append
//	                            or the machine are others, the guest boots
//	golden_sha256 text          of that file; required with it
//	disk       path             refused for now: disks are not built yet
//	pvpanic    true or false    a port at which the guest's kernel tells that it
//	                            panics (driver pvpanic-mmio); default false
//
//	[vendor]
//	mail       address          required unless consent.mode is "never"
//	submit     URL              smtps://HOST:PORT, smtp+starttls://HOST:PORT or, on
//	                            this computer only, smtp://HOST:PORT; required likewise
//	keys       list of text     public keys (age1..., as "vmbundle keys new" prints
//	                            them) that bundles are sealed to; at most 8
//	bases      list of paths    files that the vendor has too, such as a golden (.vmg)
//	                            and the kernel: what is in them is named in a report,
//	                            not sent; at most 16
//	signer     text             public key (RW..., of minisign) that the file is signed
//	                            with; see below
//	enroll     text             code (E-..., as "vmbundle inbox enroll new" prints it)
//	                            for which the inbox gives a token of its own to each
//	                            computer that sends to it
//
//	[record]
//	features   list of text     what the guest may record; none: the guest has no
//	                            control of recording
//	keep       text             "on-failure" (the default) keeps recordings that
//	                            failed or that the guest asked to keep; "all" keeps all
//	heartbeat  whole number     retired instructions between two heartbeats on the
//	                            tape; 4096 or more, default 67108864
//
//	[[record.feature]]          a feature with rules of its own; not in features too
//	name       text, required
//	cooldown   whole number     seconds after a recording of it was kept in which none
//	                            begins
//	sample     whole number     of so many starts one is recorded, by chance
//	day_cap    whole number     kept of one failure in a day (UTC), also over several
//	                            runs; two texts are one failure when they differ in
//	                            numbers only
//	tail       whole number     guest seconds after a failure at which the recording
//	                            ends; else it ends when the guest says so
//
//	[record.triggers]           what is a failure of the recording that runs, though
//	                            the guest does not say so
//	serial     list of text     regular expressions (RE2) for a line of the console, of
//	                            which 512 bytes count; at most 16. Default: a panic, a
//	                            BUG or an Oops of Linux, and out of memory
//	no_progress whole number    guest seconds in which the processor is only ever seen in
//	                            one page of code; default 0, never
//
//	[record.limits]
//	recordings whole number     recordings that the guest starts in one run, default 1000
//	disk       SIZE             of all recordings in the folder, the appliance's and others';
//	                            at it none begins, and one that runs ends; default 20G,
//	                            0: no bound
//	mail       SIZE             of a bundle that may be mailed, default 100M
//	per_day    whole number     bundles that may be mailed in 24 hours, default 5
//	spool      SIZE             of all bundles in the outbox, default 2G
//	days       whole number     after which the outbox forgets what was sent or
//	                            cancelled, default 30
//
// A recording beyond mail is mailed without the memory that its replay does not use
// (level L1), if that is within; what is beyond mail or per_day still waits in the
// outbox, and the user can send it all the same. Where a report of each failure may be
// mailed, it says so; of reports as many may be mailed in 24 hours again.
//
//	[consent]
//	mode       text             "ask" (the default): the user is asked about each
//	                            report; "always": each is mailed;
//	                            "always-report-ask-recording": a short report of each
//	                            failure is mailed, without memory, and the user is
//	                            asked about its recording; "never": none is.
//	                            Only "never" stands: else the user's own decision
//	                            (package consent) counts more
//	encryption text             "on" (the default), with vendor.keys, or "off"
//
// The defaults send no memory contents unasked or in the clear by omission: a file
// has to say "always" and "off" in words.
//
// # Signature
//
// A file with vendor.signer counts only with its signature beside it: FILE.minisig,
// as minisign(1) writes it, of all bytes of the file. "vmappliance build --sign" makes
// both, and writes the SHA-256 of kernel and initrd into the file, without which it
// does not count. So the signature covers whom reports go to, what they are sealed to,
// when they are sent, and what is recorded: the guest's files are checked as they are
// read, before anything starts. It need not cover the files of vendor.bases, which a
// report names by hashes of what is in them. What a user changes by flags, such as the
// kernel's command line, is the user's to say.
//
// A file without vendor.signer is not signed: good for development. That nobody takes
// signer and signature away together is seen to where an appliance runs: a computer
// remembers who signed the one of a name (package consent).
//
// # Version rule
//
// The file carries no version. A key keeps its meaning for good; new keys have a
// default that means what their absence meant before.
package configs
