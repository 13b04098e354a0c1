package guestagent

import (
	"errors"
	"flag"
	"fmt"
	"io"
	"os"
	"os/exec"
	"os/signal"
	"strings"
	"syscall"

	"vmrecord/backdoor/wire"
	"vmrecord/guestagent/recorder"
)

// Exit statuses of vmagent. exec has the status of its command instead.
const (
	exitOK      = 0
	exitFailure = 1 // the machine refused
	exitUsage   = 2
	exitOutside = 3 // status, outside an appliance
)

const usage = `vmagent: start and stop recording from inside an appliance's guest

  vmagent exec --feature NAME -- COMMAND [ARG...]   record a command: keep the
                             recording if it fails, drop it if it ends well
  vmagent exec --guarded -- COMMAND [ARG...]   run a program that records itself: one
                             that ends while it does has failed
  vmagent start NAME         begin a recording called NAME
  vmagent stop keep|drop     end it; after fail it is kept in any case
  vmagent mark TEXT          name this moment
  vmagent fail REASON        say that this recording shows a failure
  vmagent save REASON        where the machine records always: keep the last while
  vmagent attr KEY VALUE     attach a fact: to the running recording, else the next
  vmagent status             what the machine does now
  vmagent watch --after TIME -- COMMAND [ARG...]   run a command that says WATCHDOG=1
                             as in sd_notify(3): silence for that long is a failure.
                             systemd, if it started watch, hears all that it says
  vmagent beat               say it, from a script that is watched
  vmagent core --install     have the kernel report programs that die of a signal
  vmagent serve [PROGRAM...] tell the appliance the kernel's and the programs' build
                             ids, for every recording; run it once, at boot
  vmagent init               be process 1 (see: vmagent init --help)

Examples
  vmagent exec --feature nightly-import -- /opt/shop/import --all
  vmagent exec --feature sync -- vmagent watch --after 30s -- /opt/shop/sync
  vmagent start login && ./login-test; vmagent stop drop

A failure that watch or core finds ends the recording that runs, which is kept. SIGTERM
is passed on; a command that it ends has not failed. For systemd there are units, which
"vmappliance sdk systemd DIR" writes. crash is for recorder.CatchCrashes of the Go SDK.
Outside an appliance all these do nothing, and exec and watch only run their command.
Exit status: 0 done, 1 refused by the machine, 2 usage, 3 status outside an
appliance; exec and watch: the command's own, 128 + n after signal n, 127 if not found.
`

const initUsage = `vmagent init: run one program as process 1, then power off

Started as process 1, vmagent does this by itself. Settings, the later one winning:
  /etc/vmrecord/init.conf    run = /ledger        kernel: vmagent.run=/ledger
                             dir = /              kernel: vmagent.dir=/
                             at-end = poweroff    kernel: vmagent.at-end=reboot
                             env.NAME = value
                             serve = /ledger      kernel: vmagent.serve=/ledger
`

// An sdk is the part of package recorder that the verbs use.
type sdk struct {
	inVM   func() bool
	start  func(string, ...recorder.Option) error
	stop   func(recorder.Verdict) error
	mark   func(string) error
	fail   func(string) error
	save   func(string) error
	attr   func(k, v string) error
	fact   func(k, v string) error
	status func() (wire.Status, error)
}

func machine() sdk {
	return sdk{recorder.InVM, recorder.Start, recorder.Stop, recorder.Mark, recorder.Fail, recorder.Save, recorder.Attr, recorder.Fact, recorder.Status}
}

func isVerb(word string) bool {
	return strings.Contains(" help -h -help --help exec init status start stop mark fail save attr watch beat core crash serve ", " "+word+" ")
}

// An agent is one run of vmagent.
type agent struct {
	sdk
	stdin       io.Reader
	out, errOut io.Writer
	env         []string // of commands; nil: our own
}

// Main is program vmagent: it obeys args, without the program's name, and returns
// the exit status.
func Main(args []string, stdin io.Reader, out, errOut io.Writer) int {
	// The kernel hands process 1 the words of its command line it does not know.
	if os.Getpid() == 1 && (len(args) == 0 || !isVerb(args[0])) {
		args = []string{"init"}
	}
	return agent{machine(), stdin, out, errOut, nil}.run(args)
}

func (a agent) run(args []string) int {
	if len(args) == 0 {
		fmt.Fprint(a.errOut, usage)
		return exitUsage
	}
	verb, args := args[0], args[1:]
	switch verb {
	case "help", "-h", "-help", "--help":
		fmt.Fprint(a.out, usage)
		return exitOK
	}
	if f := a.verb(verb); f != nil {
		return f(args)
	}
	f, n := a.simple(verb, args)
	if f == nil {
		fmt.Fprintf(a.errOut, "vmagent: unknown verb %q; see: vmagent help\n", verb)
		return exitUsage
	}
	if len(args) == 1 && (args[0] == "-h" || args[0] == "--help") {
		fmt.Fprint(a.out, usage)
		return exitOK
	}
	if len(args) != n {
		fmt.Fprintf(a.errOut, "vmagent: %s takes %d argument(s), not %d; quote a text with blanks; see: vmagent help\n", verb, n, len(args))
		return exitUsage
	}
	if verb == "stop" && args[0] != "keep" && args[0] != "drop" {
		fmt.Fprintln(a.errOut, "vmagent: stop wants keep or drop, as in: vmagent stop keep")
		return exitUsage
	}
	return a.ended(f())
}

// ended is the status of a verb that ended with err, which is told.
func (a agent) ended(err error) int {
	if err != nil {
		fmt.Fprintf(a.errOut, "vmagent: %v\n", err)
		return exitFailure
	}
	return exitOK
}

// verb finds one that reads its arguments itself.
func (a agent) verb(name string) func(args []string) int {
	switch name {
	case "exec":
		return a.exec
	case "init":
		return a.init
	case "status":
		return a.printStatus
	case "watch":
		return a.watch
	case "beat":
		return a.beat
	case "core":
		return a.core
	case "crash":
		return a.crash
	case "serve":
		return a.serve
	}
	return nil
}

// simple finds the call behind a verb, and how many arguments it takes.
func (a agent) simple(verb string, args []string) (f func() error, n int) {
	switch verb {
	case "start":
		return func() error { return a.start(args[0]) }, 1
	case "stop":
		return func() error {
			if args[0] == "keep" {
				return a.stop(recorder.Keep)
			}
			return a.stop(recorder.Drop)
		}, 1
	case "mark":
		return func() error { return a.mark(args[0]) }, 1
	case "fail":
		return func() error { return a.fail(args[0]) }, 1
	case "save":
		return func() error { return a.save(args[0]) }, 1
	case "attr":
		return func() error { return a.attr(args[0], args[1]) }, 2
	}
	return nil, 0
}

func (a agent) printStatus(args []string) int {
	if len(args) != 0 {
		fmt.Fprintln(a.errOut, "vmagent: status takes no argument")
		return exitUsage
	}
	if !a.inVM() {
		fmt.Fprintln(a.out, "outside: this is no recording appliance")
		return exitOutside
	}
	s, err := a.status()
	if err != nil {
		fmt.Fprintf(a.errOut, "vmagent: %v\n", err)
		return exitFailure
	}
	fmt.Fprintln(a.out, s.Format())
	return exitOK
}

func (a agent) init(args []string) int {
	if len(args) == 1 && (args[0] == "-h" || args[0] == "--help") {
		fmt.Fprint(a.out, initUsage)
		return exitOK
	}
	if len(args) != 0 || os.Getpid() != 1 {
		fmt.Fprintln(a.errOut, "vmagent: init takes no argument and must be process 1; see: vmagent init --help")
		return exitUsage
	}
	Init()
	return exitOK
}

// exec runs a command inside a recording: one that begins here or, with --guarded,
// one of the command's own.
func (a agent) exec(args []string) int {
	fs := flag.NewFlagSet("vmagent exec", flag.ContinueOnError)
	fs.SetOutput(a.errOut)
	feature := fs.String("feature", "", "name of the recording; the command's name if nothing is said")
	guarded := fs.Bool("guarded", false, "begin no recording: the command begins its own")
	switch err := fs.Parse(args); {
	case errors.Is(err, flag.ErrHelp):
		return exitOK
	case err != nil:
		return exitUsage
	}
	argv := fs.Args()
	if len(argv) == 0 {
		fmt.Fprintln(a.errOut, "vmagent: exec wants a command, as in: vmagent exec --feature import -- /opt/shop/import")
		return exitUsage
	}
	if *feature != "" && *guarded {
		fmt.Fprintln(a.errOut, "vmagent: exec takes --feature or --guarded, not both")
		return exitUsage
	}
	if *feature == "" {
		*feature = argv[0]
	}
	before, err := a.status()
	if err == nil && !*guarded {
		err = a.start(*feature)
	}
	if err != nil {
		fmt.Fprintf(a.errOut, "vmagent: %s runs without a recording: %v\n", argv[0], err)
		status, _ := a.command(argv)
		return status
	}
	status, reason := a.command(argv)
	if status == 0 && *guarded {
		reason = "ended while it recorded"
	}
	if err := a.endExec(before.UID, strings.Join(argv, " "), reason); err != nil {
		fmt.Fprintf(a.errOut, "vmagent: %v\n", err)
	}
	return status
}

// endExec ends the recording that began after number before, if that runs still:
// as a failure if there is a reason.
func (a agent) endExec(before uint32, command, reason string) error {
	if !a.inVM() {
		return nil
	}
	s, err := a.status()
	switch {
	case err != nil || s.State != wire.Recording || s.UID <= before:
		return err
	case reason == "":
		return a.stop(recorder.Drop)
	}
	return a.failAndStop(command + ": " + reason)
}

// failAndStop ends the running recording as a failure. That nothing runs, or that
// the appliance lets nobody record, is no trouble of whoever reports a failure.
func (a agent) failAndStop(reason string) error {
	s, err := a.status()
	if err != nil || s.State != wire.Recording {
		return err
	}
	return errors.Join(a.fail(reason), a.stop(recorder.Keep))
}

// askedToEnd is the status of a command that died of SIGTERM, as a shell and we tell
// it. A service manager asks so: that is no failure.
const askedToEnd = 128 + int(syscall.SIGTERM)

// command runs argv and returns its status as a shell would, and what was wrong with
// its end, if anything was.
func (a agent) command(argv []string) (status int, reason string) {
	cmd := exec.Command(argv[0], argv[1:]...)
	cmd.Stdin, cmd.Stdout, cmd.Stderr, cmd.Env = a.stdin, a.out, a.errOut, a.env
	err := runPassing(cmd)
	var ended *exec.ExitError
	switch {
	case err == nil:
		return 0, ""
	case errors.As(err, &ended):
		ws, ok := ended.Sys().(syscall.WaitStatus)
		switch {
		case ok && ws.Signal() == syscall.SIGTERM, ended.ExitCode() == askedToEnd:
			return askedToEnd, ""
		case ok && ws.Signaled():
			return 128 + int(ws.Signal()), "ended by a signal: " + ws.Signal().String()
		}
		return ended.ExitCode(), fmt.Sprintf("ended with status %d", ended.ExitCode())
	case errors.Is(err, exec.ErrNotFound), errors.Is(err, os.ErrNotExist):
		fmt.Fprintf(a.errOut, "vmagent: %v\n", err)
		return 127, err.Error()
	}
	fmt.Fprintf(a.errOut, "vmagent: %v\n", err)
	return 126, err.Error()
}

// runPassing runs a command to its end, and stays for it: Ctrl-C reaches the command
// too, and SIGTERM, which may be for us alone, is passed on.
func runPassing(cmd *exec.Cmd) error {
	signals := make(chan os.Signal, 2) // one of each
	signal.Notify(signals, os.Interrupt, syscall.SIGTERM)
	defer signal.Stop(signals)
	if err := cmd.Start(); err != nil {
		return err
	}
	ended := make(chan error, 1)
	go func() { ended <- cmd.Wait() }()
	for {
		select {
		case err := <-ended:
			return err
		case s := <-signals:
			if s == syscall.SIGTERM {
				_ = cmd.Process.Signal(s) // it may have ended just now
			}
		}
	}
}
