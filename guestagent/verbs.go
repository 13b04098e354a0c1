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
  vmagent start NAME         begin a recording called NAME
  vmagent stop keep|drop     end it; after fail it is kept in any case
  vmagent mark TEXT          name this moment
  vmagent fail REASON        say that this recording shows a failure
  vmagent attr KEY VALUE     attach a fact: to the running recording, else the next
  vmagent status             what the machine does now
  vmagent init               be process 1 (see: vmagent init --help)

Examples
  vmagent exec --feature nightly-import -- /opt/shop/import --all
  vmagent start login && ./login-test; vmagent stop drop

Outside an appliance start, stop, mark, fail and attr do nothing, and exec only
runs its command.
Exit status: 0 done, 1 refused by the machine, 2 usage, 3 status outside an
appliance; exec: the command's own, 128 + n after signal n, 127 if not found.
`

const initUsage = `vmagent init: run one program as process 1, then power off

Started as process 1, vmagent does this by itself. Settings, the later one winning:
  /etc/vmrecord/init.conf    run = /ledger        kernel: vmagent.run=/ledger
                             dir = /              kernel: vmagent.dir=/
                             at-end = poweroff    kernel: vmagent.at-end=reboot
                             env.NAME = value
`

// An sdk is the part of package recorder that the verbs use.
type sdk struct {
	inVM   func() bool
	start  func(string, ...recorder.Option) error
	stop   func(recorder.Verdict) error
	mark   func(string) error
	fail   func(string) error
	attr   func(k, v string) error
	status func() (wire.Status, error)
}

func machine() sdk {
	return sdk{recorder.InVM, recorder.Start, recorder.Stop, recorder.Mark, recorder.Fail, recorder.Attr, recorder.Status}
}

func isVerb(word string) bool {
	return strings.Contains(" help -h -help --help exec init status start stop mark fail attr ", " "+word+" ")
}

// An agent is one run of vmagent.
type agent struct {
	sdk
	stdin       io.Reader
	out, errOut io.Writer
}

// Main is program vmagent: it obeys args, without the program's name, and returns
// the exit status.
func Main(args []string, stdin io.Reader, out, errOut io.Writer) int {
	// The kernel hands process 1 the words of its command line it does not know.
	if os.Getpid() == 1 && (len(args) == 0 || !isVerb(args[0])) {
		args = []string{"init"}
	}
	return agent{machine(), stdin, out, errOut}.run(args)
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
	case "exec":
		return a.exec(args)
	case "init":
		return a.init(args)
	case "status":
		return a.printStatus(args)
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
	if err := f(); err != nil {
		fmt.Fprintf(a.errOut, "vmagent: %v\n", err)
		return exitFailure
	}
	return exitOK
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

// exec runs a command inside a recording.
func (a agent) exec(args []string) int {
	fs := flag.NewFlagSet("vmagent exec", flag.ContinueOnError)
	fs.SetOutput(a.errOut)
	feature := fs.String("feature", "", "name of the recording; the command's name if nothing is said")
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
	if *feature == "" {
		*feature = argv[0]
	}
	recording := true
	if err := a.start(*feature); err != nil {
		fmt.Fprintf(a.errOut, "vmagent: %s runs without a recording: %v\n", argv[0], err)
		recording = false
	}
	status, reason := a.command(argv)
	if !recording {
		return status
	}
	var err error
	if status == 0 {
		err = a.stop(recorder.Drop)
	} else {
		err = errors.Join(a.fail(strings.Join(argv, " ")+": "+reason), a.stop(recorder.Keep))
	}
	if err != nil {
		fmt.Fprintf(a.errOut, "vmagent: %v\n", err)
	}
	return status
}

// command runs argv and returns its status as a shell would, and why it is not 0.
func (a agent) command(argv []string) (status int, reason string) {
	cmd := exec.Command(argv[0], argv[1:]...)
	cmd.Stdin, cmd.Stdout, cmd.Stderr = a.stdin, a.out, a.errOut
	// Ctrl-C is for the command; we stay to end the recording.
	ignored := make(chan os.Signal, 1)
	signal.Notify(ignored, os.Interrupt)
	defer signal.Stop(ignored)
	err := cmd.Run()
	var ended *exec.ExitError
	switch {
	case err == nil:
		return 0, ""
	case errors.As(err, &ended):
		if ws, ok := ended.Sys().(syscall.WaitStatus); ok && ws.Signaled() {
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
