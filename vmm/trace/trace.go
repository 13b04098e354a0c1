package trace

import (
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
	Block   What = "block"   // of each basic block the first instruction
	Call    What = "call"    // calls of functions, and returns
	Syscall What = "syscall" // system calls of 64-bit programs
	IRQ     What = "irq"     // interrupts and exceptions, where they are delivered
	IO      What = "io"      // IN and OUT, and their string forms
	Sched   What = "sched"   // switches from one of Linux's tasks to another, and wakeups
)

// Whats lists them.
func Whats() []What { return []What{Insn, Block, Call, Syscall, IRQ, IO, Sched} }

// Options say what of an execution to write, and how.
type Options struct {
	What     What
	From, To vmm.Position // To is not part of the window
	Process  string       // a thread's or a program's name, or the number of either; "": all
	Format   Format
	ATT      bool   // disassemble as AT&T do, not as Intel
	Regs     bool   // with Insn: what each instruction left in registers, where that is new
	Mem      bool   // with Insn: what stood in the memory that each instruction names, and what then
	Module   string // of Insn, Block, Call, IRQ, IO: only what is in this module of the kernel, "vmlinux", or a program's file of this name; "": all
	Hz       uint64
	Machines int                      // that Window may have at work side by side; 0: as many as the timeline's searches
	Names    Names                    // of programs' addresses; nil: none are known
	Progress func(done, total uint64) // called now and then; may be nil
}

// Names is what names addresses in one of a task's mappings: a symbol, and how
// far it is from its beginning; nil if nothing does. Several goroutines may call
// it at once.
type Names func(t guestos.Task, all []guestos.Mapping, m guestos.Mapping) func(la uint64) (name string, off uint64, ok bool)

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
var ErrNoLinux = errors.New("no Linux that could be read was found in the guest's memory in this window, so neither its system calls nor its tasks can be seen; try --what insn or irq, or a later window")

// piece is how many instants pass between looks at the context and, as long as
// none was found, for a kernel.
const piece = 1 << 22

// A tracer writes a trace, or a leg of one.
type tracer struct {
	Options
	m     *vmm.Machine
	p     Player
	form  form
	guest *guest
	kind  tracker
	err   error   // of a kind of trace
	out   *direct // nil: somebody else writes
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
	out := &direct{w: w}
	t, err := newTracer(r, o)
	if err != nil {
		return err
	}
	t.form.into(out.full)
	t.out = out
	if err := t.play(ctx, o.From, nil); err != nil {
		return err
	}
	if k, ok := t.kind.(*insns); ok {
		k.begin(false)
	}
	t.form.begin()
	err = t.window(ctx, o.To, nil)
	t.form.end()
	if err == nil && t.guest.linux == nil && (o.What == Syscall || o.What == Sched) {
		err = ErrNoLinux
	}
	return errors.Join(err, out.err)
}

func newTracer(r Run, o Options) (*tracer, error) {
	t := &tracer{Options: o, m: r.Machine, p: r.Player, form: o.Format.new(o.Hz), guest: newGuest(r.Machine, o)}
	var err error
	t.kind, err = t.tracker()
	return t, err
}

// wants tells whether what is in a module is to be written.
func (o *Options) wants(module string) bool { return o.Module == "" || o.Module == module }

// window follows all from where the machine stands to a position. more, if not
// nil, is what runs on behind it.
func (t *tracer) window(ctx context.Context, to vmm.Position, more func() error) error {
	if list := t.kind.stops(); len(list) > 0 {
		t.m.SetStops(list)
	}
	defer func() {
		t.m.SetStops(nil)
		t.m.Pass = false
	}()
	err := t.play(ctx, to, t.kind)
	if err == nil && more != nil {
		err = more()
	}
	t.kind.end()
	return errors.Join(err, t.err)
}

func (t *tracer) tracker() (tracker, error) {
	switch t.What {
	case Insn, Block, Call:
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
	case Sched:
		return newSwitches(t), nil
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
		if err := t.run(next, k); err != nil {
			return err
		}
		if err := ctx.Err(); err != nil {
			return err
		}
		if t.out != nil && t.out.err != nil {
			return nil // it is reported with what is written last
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

// run runs to a position.
func (t *tracer) run(to vmm.Position, k tracker) error {
	for {
		e, err := t.p.Run(to)
		if err != nil || e != vmm.Struck {
			return err
		}
		h, _ := t.m.Hit()
		t.m.Pass = true
		k.struck(h)
	}
}
