package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"os"
	"os/exec"
	"os/signal"
	"path/filepath"
	"strings"

	"github.com/spf13/cobra"

	"vmrecord/bundle"
	"vmrecord/bundle/debug"
	"vmrecord/cmd/internal/cli"
	"vmrecord/cmd/internal/exit"
	"vmrecord/cmd/internal/machine"
	"vmrecord/vmm/gdb"
)

// A gdbVerb is what gdb was asked for.
type gdbVerb struct {
	at, symbols, process string
	sources              []string
	listen               string
	stubOnly             bool
	engine               machine.EngineFlags
	args                 []string // gdb's own

	own string // a script for gdb that selects the program's frame; "" for none
}

func gdbCommand() *cobra.Command {
	var v gdbVerb
	c := &cobra.Command{
		Use:   "gdb FILE|ID [-- GDB-ARGUMENTS]",
		Short: "Debug a recording with gdb, forwards and backwards",
		Long: "gdb starts gdb on a recording: threads are the guest's tasks, the kernel's symbols are\n" +
			"there, and reverse-continue, reverse-stepi and the like go back in time. Nothing that\n" +
			"gdb does changes what is replayed. In gdb, \"monitor help\" lists what else there is.\n" +
			"With --listen another debugger can be used: it prints how to start gdb or LLDB.",
		Args: func(c *cobra.Command, args []string) error {
			if n := c.ArgsLenAtDash(); n >= 0 {
				v.args, args = args[n:], args[:n]
			}
			return cli.Args(1, 1)(c, args)
		},
	}
	f := c.Flags()
	atFlag(c, &v.at, "where to begin", "failure, or start")
	symbolsFlag(c, &v.symbols, withModules)
	f.StringArrayVar(&v.sources, "source", nil, "a folder with the program's source, wherever it was built; with --symbols, and more than once if wanted (`DIR`)")
	f.StringVar(&v.process, "process", "", "breakpoints wait for the programs of this `NAME` or number alone")
	f.StringVar(&v.listen, "listen", "", "start no gdb, but wait for a debugger at `ADDR`, a loopback address like 127.0.0.1:1234")
	f.BoolVar(&v.stubOnly, "stub-only", false, "the same, at any free loopback port")
	lookFlags(c, &v.engine)
	c.RunE = func(c *cobra.Command, args []string) error { return v.run(c, args[0]) }
	return c
}

func (v *gdbVerb) run(c *cobra.Command, name string) error {
	if len(v.sources) > 0 && v.symbols == "" {
		return exit.Errorf(exit.Usage, "--source %s: which source a program was made of, its symbols tell: give --symbols DIR too", v.sources[0])
	}
	if v.stubOnly && v.listen == "" {
		v.listen = "127.0.0.1:0"
	}
	if v.listen != "" { // before what takes a while
		if err := cli.OnLoopback("--listen", v.listen); err != nil {
			return err
		}
	}
	program, err := exec.LookPath("gdb")
	if err != nil && v.listen == "" {
		return exit.Errorf(exit.NotFound, "gdb is not installed; to install it: apt install gdb; to use another debugger: vmbundle gdb %s --listen 127.0.0.1:1234", name)
	}
	ctx, stop := interruptible()
	defer stop()
	s, b, done, err := session(ctx, c, name, v.engine)
	if err != nil {
		return err
	}
	defer done()
	s.Only(v.process)
	at := place(b, v.at)
	if err := s.Goto(ctx, at); err != nil {
		return status(err)
	}
	dir, err := os.MkdirTemp("", "vmbundle-gdb-")
	if err != nil {
		return err
	}
	defer os.RemoveAll(dir)
	script, err := v.script(c, s, dir)
	if err != nil {
		return err
	}
	s.OnProgress(nil) // from here on the terminal is gdb's
	if at == "failure" {
		v.own = filepath.Join(dir, "own.py")
		if err := os.WriteFile(v.own, []byte(debug.OwnFrame), 0o600); err != nil {
			return err
		}
	}
	s.OnLack(func(text string) { fmt.Fprintln(c.ErrOrStderr(), text) })
	v.greet(c.ErrOrStderr(), s, b)
	if v.listen != "" {
		return v.serve(ctx, c, s, script)
	}
	stop() // from here on ^C is gdb's
	return v.start(c, s, program, script)
}

// script writes what gdb obeys before it connects, and returns the file's name.
// Without symbols, all else still works. gdb would take all threads' memory for
// one and the same: it keeps none. It would take a frame without a symbol for the
// kernel's entry, which has none either, and end the backtrace there.
func (v *gdbVerb) script(c *cobra.Command, s *debug.Session, dir string) (string, error) {
	w := c.ErrOrStderr()
	const settings = "set confirm off\nset debuginfod enabled off\nset remotetimeout 60\nset stack-cache off\nset code-cache off\nset print thread-events off\nset backtrace past-entry on\n"
	text := settings + gdb.Commands
	if v.symbols != "" {
		if err := s.Symbols(v.symbols); err != nil {
			return "", notThere(err)
		}
	}
	kernel, notes, err := s.Kernel(dir)
	if err != nil {
		fmt.Fprintf(w, "no kernel symbols: %v; where it runs: monitor symbols\n", err)
	}
	for _, n := range notes {
		fmt.Fprintln(w, n)
	}
	text += kernel
	if v.symbols != "" {
		program, found, err := s.Program(v.sources)
		switch {
		case err == nil:
			fmt.Fprintf(w, "program symbols: %s\n", strings.Join(found, ", "))
		case errors.Is(err, os.ErrNotExist): // a folder of sources
			return "", exit.Errorf(exit.NotFound, "--source: %w", err)
		default:
			fmt.Fprintf(w, "no program symbols: %v\n", err)
		}
		text += program
	}
	name := filepath.Join(dir, "start.gdb")
	return name, os.WriteFile(name, []byte(text+"set confirm on\n"), 0o600)
}

// greet says where the session begins, and what the user saw then.
func (v *gdbVerb) greet(w io.Writer, s *debug.Session, b *bundle.Bundle) {
	if f := b.Manifest().Failure; f != nil {
		fmt.Fprintf(w, "failure: %q, at %s\n", f.Text, f.Pos)
	}
	if l := s.Console(10); len(l) > 0 {
		fmt.Fprintf(w, "last lines on the console:\n  %s\n", strings.Join(l, "\n  "))
	}
	_ = s.Monitor(context.Background(), "when", w)
}

// start runs gdb, and serves it.
func (v *gdbVerb) start(c *cobra.Command, s *debug.Session, program, script string) error {
	socket := filepath.Join(filepath.Dir(script), "socket")
	l, err := net.Listen("unix", socket)
	if err != nil {
		return err
	}
	defer l.Close()
	ctx, cancel := context.WithCancel(context.Background())
	defer cancel()
	args := []string{"-q", "-x", script, "-ex", "target remote " + socket}
	if v.own != "" {
		args = append(args, "-x", v.own)
	}
	g := exec.Command(program, append(args, v.args...)...)
	g.Stdin, g.Stdout, g.Stderr = c.InOrStdin(), c.OutOrStdout(), c.ErrOrStderr()
	quiet := make(chan os.Signal, 1) // the terminal sends ^C to us as well
	signal.Notify(quiet, os.Interrupt)
	defer signal.Stop(quiet)
	if err := g.Start(); err != nil {
		return fmt.Errorf("start gdb: %w", err)
	}
	served := make(chan struct{})
	go func() {
		defer close(served)
		for {
			conn, err := l.Accept()
			if err != nil {
				return
			}
			_ = gdb.Serve(ctx, conn, s) // gdb says itself what went wrong
			_ = conn.Close()
		}
	}()
	err = g.Wait()
	cancel()
	_ = l.Close()
	<-served
	if x := (*exec.ExitError)(nil); errors.As(err, &x) && x.Exited() {
		return cli.Status(x.ExitCode())
	}
	return err
}

// serve waits for debuggers, one after another, until it is interrupted.
func (v *gdbVerb) serve(ctx context.Context, c *cobra.Command, s *debug.Session, script string) error {
	l, err := cli.Loopback("--listen", v.listen)
	if err != nil {
		return err
	}
	context.AfterFunc(ctx, func() { _ = l.Close() })
	own := ""
	if v.own != "" {
		own = " -x " + v.own
	}
	fmt.Fprintf(c.ErrOrStderr(), "waiting for a debugger, until ^C:\n  gdb -x %s -ex 'target remote %s'%s\n", script, l.Addr(), own)
	lldb, err := lldbScript(filepath.Dir(script), l.Addr())
	if err != nil {
		return err
	}
	fmt.Fprintf(c.ErrOrStderr(), "  lldb -s %s\n", lldb)
	for {
		conn, err := l.Accept()
		if ctx.Err() != nil {
			return nil
		}
		if err != nil {
			return err
		}
		if err := gdb.Serve(ctx, conn, s); err != nil && ctx.Err() == nil {
			fmt.Fprintf(c.ErrOrStderr(), "the debugger went away: %v\n", err)
		}
		_ = conn.Close()
	}
}

// lldbScript writes what LLDB obeys to connect, and returns the file's name.
func lldbScript(dir string, at net.Addr) (name string, err error) {
	text, kernel := gdb.LLDBCommands, filepath.Join(dir, debug.KernelFile)
	if _, err := os.Stat(kernel); err == nil { // else no Linux was to be seen
		text += fmt.Sprintf("target create %q\n", kernel)
	}
	name = filepath.Join(dir, "start.lldb")
	return name, os.WriteFile(name, fmt.Appendf(nil, "%sgdb-remote %s\n", text, at), 0o600)
}
