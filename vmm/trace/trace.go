package trace

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"io"

	"vmrecord/vmm"
	"vmrecord/vmm/guestos"
	"vmrecord/vmm/interp"
	"vmrecord/vmm/tape"
)

// What is to be traced.
type What string

// What there is to trace.
const (
	Insn    What = "insn"    // every instruction
	Call    What = "call"    // calls of functions, and returns
	Syscall What = "syscall" // system calls of 64-bit programs
	IRQ     What = "irq"     // interrupts and exceptions, where they are delivered
	IO      What = "io"      // IN and OUT, and their string forms
)

// Whats lists them.
func Whats() []What { return []What{Insn, Call, Syscall, IRQ, IO} }

// Options say what of an execution to write, and how.
type Options struct {
	What     What
	From, To vmm.Position // To is not part of the window
	Process  string       // a thread's or a program's name, or the number of either; "": all
	Format   Format
	ATT      bool // disassemble as AT&T do, not as Intel
	Regs     bool // with Insn: what each instruction left in registers, where that is new
	Hz       uint64
	Progress func(done, total uint64) // called now and then; may be nil
}

// A Player runs Machine along its tape: a *tape.Player, or what acts like one.
type Player interface {
	Run(until vmm.Position) (vmm.Exit, error)
	Ended() bool
}

// A Run is a machine and what plays it. It must not stand behind From.
type Run struct {
	Machine *vmm.Machine
	Player  Player
}

// ErrNoLinux says that a trace of system calls needs the guest's kernel.
var ErrNoLinux = errors.New("no Linux that could be read was found in the guest's memory in this window, so there are no system calls; try --what insn or irq, or a later window")

// piece is how many instants pass between looks at the context and, as long as
// none was found, for a kernel.
const piece = 1 << 22

// A tracer is a trace being written.
type tracer struct {
	Options
	m     *vmm.Machine
	p     Player
	out   *bufio.Writer
	form  form
	guest *guest
	err   error // of a kind of trace
}

// A tracker follows one kind of event.
type tracker interface {
	stops() []vmm.Stop
	struck(vmm.Hit) // before the step; it may make the step itself
	found()         // there is a kernel now
	end()
}

// Write plays to the window and writes a trace of it. Its errors are the
// player's (*tape.Divergence among them), the context's, w's and ErrNoLinux;
// what was written until then is good. It leaves no stop or callback behind.
func Write(ctx context.Context, r Run, o Options, w io.Writer) error {
	t := &tracer{Options: o, m: r.Machine, p: r.Player, out: bufio.NewWriterSize(w, 1<<20)}
	t.form = o.Format.new(t.out, o.Hz)
	t.guest = newGuest(r.Machine, o.ATT)
	if err := t.play(ctx, o.From, nil); err != nil {
		return err
	}
	k, err := t.tracker()
	if err != nil {
		return err
	}
	t.m.SetStops(k.stops())
	defer func() {
		t.m.SetStops(nil)
		t.m.Pass = false
	}()
	t.form.begin()
	err = t.play(ctx, o.To, k)
	k.end()
	t.form.end()
	if err == nil && o.What == Syscall && t.guest.linux == nil {
		err = ErrNoLinux
	}
	return errors.Join(err, t.err, t.out.Flush())
}

func (t *tracer) tracker() (tracker, error) {
	switch t.What {
	case Insn, Call:
		e, ok := t.m.Engine.(*interp.CPU)
		if !ok {
			return nil, fmt.Errorf("trace: engine %T does not tell of instructions", t.m.Engine)
		}
		return newInsns(t, e), nil
	case Syscall:
		return newCalls(t), nil
	case IRQ:
		return &deliveries{t}, nil
	case IO:
		return &ports{t: t}, nil
	}
	return nil, fmt.Errorf("trace: there is no %q; there is %v", t.What, Whats())
}

// play runs to a position; k, if not nil, is told of what happens on the way.
func (t *tracer) play(ctx context.Context, to vmm.Position, k tracker) error {
	start := t.m.Now()
	for t.m.Now() < to.At || t.m.Now() == to.At && t.m.Inputs() < to.Inputs {
		if k != nil && t.guest.linux == nil && t.guest.find() {
			k.found()
			t.m.SetStops(k.stops())
		}
		next := vmm.Position{At: t.m.Now() + piece, Inputs: tape.All}
		last := next.At >= to.At
		if last {
			next = to
		}
		for {
			e, err := t.p.Run(next)
			if err != nil {
				return err
			}
			if e != vmm.Struck {
				break
			}
			h, _ := t.m.Hit()
			t.m.Pass = true
			k.struck(h)
		}
		if err := ctx.Err(); err != nil {
			return err
		}
		if t.form.err() != nil {
			return t.form.err()
		}
		if t.Progress != nil {
			t.Progress(uint64(t.m.Now()-start), uint64(to.At-start))
		}
		if last || t.p.Ended() {
			return nil
		}
	}
	return nil
}

// kernel is the guest's, or nil.
func (t *tracer) kernel() *guestos.Linux { return t.guest.linux }
