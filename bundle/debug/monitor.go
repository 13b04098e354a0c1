package debug

import (
	"context"
	"errors"
	"fmt"
	"io"
	"strconv"
	"strings"

	"vmrecord/bundle"
	"vmrecord/vmm/tape"
)

// A command is one of "monitor".
type command struct {
	name, args, does string
	run              func(*Session, context.Context, []string, io.Writer) error
}

func commands() []command {
	return []command{
		{"when", "", "where this is: position, guest time, what runs", (*Session).when},
		{"goto", "POS", "go to an instant, 12.5s, -3s, 50%, @mark, failure, start, end", (*Session).moveTo},
		{"events", "[N]", "the N inputs and marks before this and after (default 10)", (*Session).events},
		{"console", "[N]", "the last N lines on the guest's console (default 10)", (*Session).lines},
		{"ps", "", "the guest's processes; * is what runs", (*Session).ps},
		{"process", "[NAME|PID|all]", "breakpoints wait for the programs of this name or number alone", (*Session).process},
		{"mark", "[NAME]", "name this position, for goto @NAME; without a name: list them", (*Session).mark},
		{"why", "WHAT [LEN]", "where an address, symbol or variable was last written", (*Session).why},
		{"who", "WHAT [N]", "the last N reads and writes of it (default 10)", (*Session).who},
		{"trace", "WHAT [POS [POS]]", "what happened since POS, or from one to the other (default the last 1000 instructions): insn, block, call, syscall, irq, io or sched", (*Session).trace},
		{"hash", "", "the hash of all that the machine is here", (*Session).hash},
		{"sym", "NAME|ADDR", "look up a symbol of the kernel's or of the program's", (*Session).sym},
		{"symbols", "", "find the kernel's symbols, where there were none when gdb started", (*Session).symbols},
		{"golive", "", "the command that runs the guest on from here, another way", (*Session).golive},
	}
}

// Monitor implements gdb.Target.
func (s *Session) Monitor(ctx context.Context, text string, out io.Writer) error {
	f := strings.Fields(text)
	if len(f) == 0 || f[0] == "help" {
		for _, c := range commands() {
			fmt.Fprintf(out, "monitor %-24s %s\n", c.name+" "+c.args, c.does)
		}
		return nil
	}
	for _, c := range commands() {
		if c.name == f[0] {
			return c.run(s, ctx, f[1:], out)
		}
	}
	return fmt.Errorf("there is no command %q; see: monitor help", f[0])
}

func (s *Session) when(_ context.Context, _ []string, out io.Writer) error {
	_, err := fmt.Fprintf(out, "%s of %.6f s, at %s\n", s.where(s.Position()), s.seconds(s.line.End()), s.at())
	return err
}

func (s *Session) hash(_ context.Context, _ []string, out io.Writer) error {
	_, err := fmt.Fprintf(out, "%x\n", tape.EndHash(s.line.Machine()))
	return err
}

func (s *Session) moveTo(ctx context.Context, args []string, out io.Writer) error {
	if len(args) != 1 {
		return errors.New("goto takes a position: an instant, 12.5s, -3s, 50%, @mark, failure, start or end")
	}
	if err := s.Goto(ctx, args[0]); err != nil {
		return err
	}
	return s.when(ctx, nil, out)
}

func (s *Session) lines(_ context.Context, args []string, out io.Writer) error {
	n, err := count(args, 10)
	for _, l := range s.Console(n) {
		fmt.Fprintln(out, l)
	}
	return err
}

// Console are the last lines on the guest's console here, at most n and
// timeline.TextBytes, without what a terminal would obey.
func (s *Session) Console(n int) []string { return lastLines(string(s.line.Text()), n) }

func lastLines(text string, n int) []string {
	text = strings.TrimRight(strings.ReplaceAll(text, "\r", ""), "\n")
	if text == "" {
		return nil
	}
	l := strings.Split(text, "\n")
	l = l[max(0, len(l)-n):]
	for i := range l {
		l[i] = printable(l[i])
	}
	return l
}

// count is the only argument, a number up to 10000, or usual.
func count(args []string, usual int) (int, error) {
	if len(args) == 0 {
		return usual, nil
	}
	n, err := strconv.ParseUint(args[0], 0, 16)
	if err != nil || len(args) > 1 || n > 10_000 {
		return 0, fmt.Errorf("%q: want one number, up to 10000", args)
	}
	return int(n), nil
}

func (s *Session) ps(_ context.Context, _ []string, out io.Writer) error { return s.list(out) }

// list writes the processes as a list.
func (v *view) list(out io.Writer) error {
	all, err := v.Processes()
	if len(all) > 0 {
		fmt.Fprintf(out, "  %7s %7s  %-8s %s\n", "PID", "PARENT", "STATE", "COMMAND")
	}
	for _, p := range all {
		fmt.Fprintln(out, p.Line())
	}
	return err
}

func (s *Session) process(_ context.Context, args []string, out io.Writer) error {
	switch {
	case len(args) > 1:
		return errors.New("process takes one name or number, or all")
	case len(args) == 1 && args[0] == "all":
		s.Only("")
	case len(args) == 1:
		s.Only(args[0])
	}
	if s.only == "" {
		_, err := fmt.Fprintln(out, "breakpoints wait for all that runs")
		return err
	}
	_, err := fmt.Fprintf(out, "breakpoints wait for %q alone\n", s.only)
	return err
}

func (s *Session) mark(_ context.Context, args []string, out io.Writer) error {
	if len(args) == 0 {
		for _, m := range append(s.src.Manifest.Markers[:len(s.src.Manifest.Markers):len(s.src.Manifest.Markers)], s.marks...) {
			fmt.Fprintf(out, "%s  %-5s %q\n", s.where(m.Pos), m.Kind, m.Text)
		}
		return nil
	}
	name := strings.Join(args, " ")
	if p, err := s.Parse("@" + name); err == nil {
		return fmt.Errorf("there is a mark @%s already, at %s; choose another name", name, s.where(p))
	}
	s.marks = append(s.marks, bundle.Marker{Kind: tape.Mark.String(), Text: name, Pos: s.Position(), Offset: s.seconds(s.Position())})
	_, err := fmt.Fprintf(out, "@%s is %s\n", name, s.where(s.Position()))
	return err
}

func (s *Session) golive(_ context.Context, _ []string, out io.Writer) error {
	_, err := fmt.Fprintf(out, "A replay is not changed. To run the guest on from here, another way than it was recorded:\n  vmbundle golive %s --at %s\n",
		s.src.Name, s.Position())
	return err
}

func (s *Session) sym(_ context.Context, args []string, out io.Writer) error {
	if len(args) != 1 {
		return errors.New("sym takes a name or an address")
	}
	la, _, err := s.address(args[0])
	if err != nil {
		return err
	}
	if t, ok := s.here().current(); ok {
		s.programs.look(t)
	}
	name := s.asking().where(la, 0)
	if name == "" {
		return fmt.Errorf("no symbol of the guest's kernel or of a known program is at %#x", la)
	}
	_, err = fmt.Fprintf(out, "%#x %s\n", la, name)
	return err
}
