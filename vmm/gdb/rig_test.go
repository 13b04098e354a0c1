package gdb

import (
	"context"
	"encoding/binary"
	"fmt"
	"io"
	"testing"

	"vmrecord/configs/bare"
	"vmrecord/hwdevices/firmware"
	"vmrecord/hwdevices/pc"
	"vmrecord/vmm"
	"vmrecord/vmm/cpu"
	"vmrecord/vmm/interp"
	"vmrecord/vmm/mem"
)

// A saved is a machine at an instant.
type saved struct {
	at   vmm.Instant
	secs []vmm.Section
	ram  []byte
}

// A replay is a Target over the bare guest. It goes back by going forward
// again from the last place that it saved.
type replay struct {
	m       *vmm.Machine
	every   vmm.Instant // how far two saved places are apart; 0: only the first is
	end     vmm.Instant // of what is recorded
	saves   []saved
	running chan<- struct{} // if not nil, told of each Run without a bound
	thread  Thread
}

// newReplay boots a bare guest whose timer interrupts every 8000 instants.
func newReplay(t testing.TB, every, end vmm.Instant) *replay {
	t.Helper()
	b := pc.New(mem.New(make([]byte, 2<<20)), pc.Options{Hz: 8_000_000, Epoch: 1_790_000_000, DebugExit: true})
	c := new(cpu.State)
	c.Cold(1)
	m := &vmm.Machine{Board: b, CPU: c, Engine: interp.New(), Door: new(vmm.Scripted)}
	if err := pc.BootLinux(m, firmware.Linux{Kernel: bare.Image(bare.Options{Work: 1e12, Float: true, End: bare.DebugExit})}); err != nil {
		t.Fatal(err)
	}
	r := &replay{every: every, end: end, thread: Thread{1, "cpu0", "ring 0"}, m: m}
	r.save()
	return r
}

func (r *replay) Threads() []Thread                    { return []Thread{r.thread} }
func (r *replay) Registers(uint64) (*cpu.State, Known) { return r.m.CPU, All }
func (r *replay) now() vmm.Instant                     { return r.m.Now() }
func (r *replay) save() {
	r.saves = append(r.saves, saved{r.now(), r.m.Save(), append([]byte(nil), r.m.Mem.B...)})
}

// Read follows 4-level paging, large pages as well (SDM vol. 3A, 4.5).
func (r *replay) Read(_, la uint64, p []byte) int {
	for i := range p {
		pa, ok := r.physical(la + uint64(i))
		if !ok {
			return i
		}
		p[i] = r.m.Mem.B[pa]
	}
	return len(p)
}

func (r *replay) physical(la uint64) (pa uint64, ok bool) {
	table := r.m.CPU.CR3
	for shift := 39; ; shift -= 9 {
		at := table&0xff_ffff_f000 + la>>shift&511*8
		if !r.m.Mem.Has(at, 8) {
			return 0, false
		}
		e := binary.LittleEndian.Uint64(r.m.Mem.B[at:])
		if e&1 == 0 {
			return 0, false
		}
		if table = e; shift == 12 || e&0x80 != 0 {
			low := uint64(1)<<shift - 1
			pa = e&0xff_ffff_f000&^low | la&low
			return pa, r.m.Mem.Has(pa, 1)
		}
	}
}

// to goes forward to an instant.
func (r *replay) to(at vmm.Instant) error {
	for r.now() < at {
		if e := r.m.Run(at); e == vmm.Control {
			r.m.TakeControl()
		} else if e != vmm.Reached {
			return fmt.Errorf("exit %d at %s: %v", e, r.m.Position(), r.m.Err())
		}
	}
	return nil
}

// seek goes anywhere.
func (r *replay) seek(at vmm.Instant) error {
	if at < r.now() {
		i := len(r.saves) - 1
		for r.saves[i].at > at {
			i--
		}
		copy(r.m.Mem.B, r.saves[i].ram)
		if err := r.m.Load(r.saves[i].secs); err != nil {
			return err
		}
	}
	return r.to(at)
}

func (r *replay) Run(ctx context.Context, o Order) (Stop, error) {
	if o.Steps == 0 && r.running != nil {
		r.running <- struct{}{}
	}
	if o.Back {
		return r.back(ctx, o)
	}
	for n := uint64(0); o.Steps == 0 || n < o.Steps; n++ {
		if r.now() >= r.end {
			return Stop{Reason: End, Note: "the recording ends here"}, nil
		}
		met, err := r.step(o.Points)
		switch {
		case err != nil:
			return Stop{}, err
		case met != nil:
			return Stop{Reason: Met, Point: *met}, nil
		case ctx.Err() != nil:
			return Stop{Reason: Interrupted}, nil
		}
	}
	return Stop{}, nil
}

// back looks for the last place before this one where a point was met, in ever
// earlier stretches.
func (r *replay) back(ctx context.Context, o Order) (Stop, error) {
	here := r.now()
	if n := vmm.Instant(o.Steps); n > 0 && here >= n {
		return Stop{}, r.seek(here - n)
	}
	for until := here; until > 0 && ctx.Err() == nil; {
		if err := r.seek(until - 1); err != nil {
			return Stop{}, err
		}
		from := r.saves[0].at
		for _, s := range r.saves {
			if s.at < until {
				from = s.at
			}
		}
		at, met, err := r.last(from, until, o.Points)
		if err != nil {
			return Stop{}, err
		}
		if met != nil {
			return Stop{Reason: Met, Point: *met}, r.seek(at)
		}
		until = from
	}
	return Stop{Reason: Begin}, r.seek(0)
}

// last is the last instant in [from, until) before whose instruction a point is met.
func (r *replay) last(from, until vmm.Instant, points []Point) (at vmm.Instant, met *Point, err error) {
	if err := r.seek(from); err != nil {
		return 0, nil, err
	}
	for r.now() < until {
		now := r.now()
		if p := r.exec(points); p != nil {
			at, met = now, p
		}
		var data []Point
		for _, p := range points {
			if p.Kind != Exec {
				data = append(data, p)
			}
		}
		p, err := r.step(data)
		if err != nil {
			return 0, nil, err
		}
		if p != nil {
			at, met = now, p
		}
	}
	return at, met, nil
}

// step goes one instant on, and tells what was met: bytes that changed, or a
// breakpoint reached.
func (r *replay) step(points []Point) (*Point, error) {
	if r.every > 0 && r.now() >= r.saves[len(r.saves)-1].at+r.every {
		r.save()
	}
	before := make([]string, len(points))
	for i, p := range points {
		before[i] = r.bytes(p)
	}
	if err := r.to(r.now() + 1); err != nil {
		return nil, err
	}
	for i, p := range points {
		if r.bytes(p) != before[i] {
			return &points[i], nil
		}
	}
	return r.exec(points), nil
}

func (r *replay) bytes(p Point) string {
	b := make([]byte, p.Size)
	return string(b[:r.Read(0, p.Addr, b)])
}

func (r *replay) exec(points []Point) *Point {
	for i, p := range points {
		if p.Kind == Exec && p.Addr == r.m.CPU.RIP {
			return &points[i]
		}
	}
	return nil
}

func (r *replay) Monitor(_ context.Context, command string, out io.Writer) error {
	var at vmm.Instant
	switch n, _ := fmt.Sscanf(command, "goto %d", &at); {
	case n == 1 && at > r.end:
		return fmt.Errorf("%d is after the end, %d", at, r.end)
	case n == 1:
		return r.seek(at)
	case command == "when":
		_, err := fmt.Fprintf(out, "%s\n", r.m.Position())
		return err
	case command == "hash":
		_, total := r.m.Digests()
		root := r.m.Mem.Root()
		_, err := fmt.Fprintf(out, "%016x %x\n", total, root[:8])
		return err
	}
	return fmt.Errorf("%q: try when, goto INSTANT, hash", command)
}
