package debug

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"strings"
	"sync/atomic"

	"vmrecord/vmm"
	"vmrecord/vmm/cpu"
	"vmrecord/vmm/gdb"
)

// A Door is what a Live needs of a live machine's (package vmm/host).
type Door interface {
	Call(f func()) // has the machine's goroutine call f at a boundary soon
	Halt(f func()) // calls f, while guest time stands still
}

// A Live is a machine that runs, and stands while gdb looks at it: a gdb.Target
// that only goes forward. Its machine's goroutine calls Begin before it runs, Struck
// where a stop did, and End behind its run; it stands in these, and where Door.Call
// put it. Another calls Serve. Whoever does not stand, or waits for the other, may
// use the machine.
type Live struct {
	view
	m    *vmm.Machine
	door Door

	ctx      context.Context
	quit     context.CancelFunc
	stood    chan *vmm.Hit // the machine stands, struck, or as it was asked to: nil
	resume   chan struct{} // it may go on
	over     chan struct{} // closed when the machine has ended
	attached chan struct{} // holds one element while a client, or the end, has the machine
	wanted   atomic.Bool   // it is asked to stand
	why      string        // it ended
}

// NewLive is for a machine that has not begun to run.
func NewLive(m *vmm.Machine, door Door) *Live {
	l := &Live{m: m, door: door, stood: make(chan *vmm.Hit), resume: make(chan struct{}), over: make(chan struct{}), attached: make(chan struct{}, 1)}
	l.machine = func() *vmm.Machine { return m }
	l.ctx, l.quit = context.WithCancel(context.Background())
	return l
}

// Quit has gdb leave, and the machine stand no more. Any goroutine may call it.
func (l *Live) Quit() { l.quit() }

// Begin stands until a client came and has it go on.
func (l *Live) Begin() { l.stand(nil) }

// Struck stands where a stop struck.
func (l *Live) Struck() {
	h, _ := l.m.Hit()
	l.stand(&h)
}

// End is called when the machine has ended, and why, before it is freed. It waits
// for the client to leave.
func (l *Live) End(why string) {
	l.why = why
	close(l.over)
	l.attached <- struct{}{}
	l.quit()
}

func (l *Live) stand(h *vmm.Hit) {
	l.door.Halt(func() {
		select {
		case l.stood <- h:
			<-l.resume
		case <-l.ctx.Done():
		}
	})
}

// Serve lets clients debug the machine, one after the other, until it ends. While
// none does, it runs.
func (l *Live) Serve(conns <-chan net.Conn, say func(format string, a ...any)) {
	for {
		select {
		case c := <-conns:
			if err := l.session(c); err != nil && l.ctx.Err() == nil {
				say("the debugger went away: %v", err)
			}
			_ = c.Close()
		case <-l.over:
			return
		case <-l.ctx.Done():
			return
		}
	}
}

func (l *Live) session(c net.Conn) error {
	select {
	case l.attached <- struct{}{}:
	case <-l.over:
		return nil
	}
	defer func() { <-l.attached }()
	if _, ended := l.halt(); ended {
		return nil
	}
	err := gdb.Serve(l.ctx, c, l)
	l.let(nil, true)
	return err
}

// halt has the machine stand. It tells what struck on the way, or that the machine
// ended: then it stands for good.
func (l *Live) halt() (h *vmm.Hit, ended bool) {
	l.wanted.Store(true)
	l.door.Call(func() {
		if l.wanted.Load() {
			l.stand(nil)
		}
	})
	return l.wait(context.Background())
}

// wait waits until the machine stands, or has ended, or ctx is done.
func (l *Live) wait(ctx context.Context) (h *vmm.Hit, ended bool) {
	select {
	case h = <-l.stood:
		l.wanted.Store(false)
		return h, false
	case <-l.over:
		return nil, true
	case <-ctx.Done():
		return l.halt()
	}
}

// let has the machine go on with a list of stops; pass: the next step ignores them.
func (l *Live) let(stops []vmm.Stop, pass bool) {
	select {
	case <-l.over:
		return
	default:
	}
	l.m.SetStops(stops)
	l.m.Pass = pass
	l.resume <- struct{}{}
}

// anything is met before each instruction.
var anything = vmm.Stop{On: vmm.StopExec, Last: ^uint64(0), Any: true}

// Run implements gdb.Target. A thread's step is the processor's.
func (l *Live) Run(ctx context.Context, o gdb.Order) (gdb.Stop, error) {
	if o.Back {
		return gdb.Stop{}, errors.New("a live machine does not go back; record it, and debug the recording: vmbundle gdb")
	}
	w := want(o.Points, []vmm.Stop{{Any: true}})
	for n := uint64(1); ; n++ {
		stop := l.step(ctx, w)
		if stop.Reason == gdb.Done {
			if met, ok := w.exec(l.m); ok {
				return met, nil
			}
		}
		if stop.Reason != gdb.Done || n == o.Steps {
			return stop, nil
		}
		if o.Steps == 0 {
			l.let(w.stops, false)
			return l.arrive(ctx, w), nil
		}
	}
}

// step makes an instruction, or goes up to the first of an interrupt's handler. What
// the instruction accesses is met; where data is watched, one that jumps to itself
// is made until it does no more.
func (l *Live) step(ctx context.Context, w wanted) gdb.Stop {
	on, pass := w.data(), len(w.data().stops) == 0
	if pass {
		on.add(gdb.Point{}, anything)
	} else {
		rip := l.m.CPU.RIP
		if rip > 0 {
			on.add(gdb.Point{}, vmm.Stop{On: vmm.StopExec, Last: rip - 1, Any: true})
		}
		on.add(gdb.Point{}, vmm.Stop{On: vmm.StopExec, First: rip + 1, Last: ^uint64(0), Any: true})
	}
	l.let(on.stops, pass)
	if stop := l.arrive(ctx, on); stop.Reason != gdb.Met || stop.Point != (gdb.Point{}) {
		return stop
	}
	return gdb.Stop{}
}

// arrive waits for the machine to stand, and says why it does. Behind an access that
// was met, it stands behind the instruction.
func (l *Live) arrive(ctx context.Context, w wanted) gdb.Stop {
	h, ended := l.wait(ctx)
	switch {
	case ended:
		return gdb.Stop{Reason: gdb.End, Note: "the machine has ended: " + l.why}
	case h == nil:
		return gdb.Stop{Reason: gdb.Interrupted}
	case w.stops[h.Stop].On != vmm.StopExec:
		l.let([]vmm.Stop{anything}, true)
		if _, ended := l.wait(context.Background()); ended {
			return gdb.Stop{Reason: gdb.End, Note: "the machine has ended: " + l.why}
		}
	}
	return gdb.Stop{Reason: gdb.Met, Point: w.points[h.Stop]}
}

// errLive refuses changes.
var errLive = errors.New("what a debugger writes is no input: a recording of this machine would not replay; it is not changed")

// SetRegisters implements gdb.Writer, and refuses.
func (l *Live) SetRegisters(uint64, *cpu.State) error { return errLive }

// Write implements gdb.Writer, and refuses.
func (l *Live) Write(uint64, uint64, []byte) error { return errLive }

// Monitor implements gdb.Target.
func (l *Live) Monitor(_ context.Context, text string, out io.Writer) (err error) {
	switch strings.TrimSpace(text) {
	case "when":
		_, err = fmt.Fprintf(out, "%s, at %s\n", l.m.Position(), l.here().what(""))
	case "ps":
		err = l.list(out)
	case "help", "":
		_, err = fmt.Fprint(out, "monitor when   the position, and what runs\nmonitor ps     the guest's processes; * is what runs\n")
	default:
		err = fmt.Errorf("%q is no command of a live machine; see: monitor help", text)
	}
	return err
}
