package vmm_test

import (
	"fmt"
	"math/rand/v2"
	"reflect"
	"testing"

	"vmrecord/vmm"
)

// echo answers a window with what it was asked, and logs writes.
type echo struct {
	tag uint64
	log *[]string
}

func (e echo) In(off uint64, size int) uint64 { return e.tag<<(8*(size-1)) | off }
func (e echo) Out(off uint64, size int, v uint64) {
	*e.log = append(*e.log, fmt.Sprintf("%x/%d=%x", off, size, v))
}

// part is a device that a test wires.
type part struct{ f func(*vmm.Slot) }

func (p part) Attach(s *vmm.Slot) { p.f(s) }
func (p part) Reset()             {}
func (p part) State() any         { return new(struct{}) }

func TestWindows(t *testing.T) {
	var log []string
	var port, far vmm.Window
	b := vmm.NewBoard(nil, vmm.Config{})
	b.Plug(vmm.Place{Name: "a", Ports: []uint16{0x100, 0x200}, Mem: []uint64{0x1000_0000}}, part{func(s *vmm.Slot) {
		port = s.Ports(0, 4, echo{0x10, &log})
		s.Ports(1, 4, echo{0x20, &log}).Width(4)
		far = s.Memory(0, 16, echo{0x30, &log})
	}})
	b.Plug(vmm.Place{Name: "b", Ports: []uint16{0x102, 0xfffe}}, part{func(s *vmm.Slot) {
		s.Ports(0, 8, echo{0x40, &log})
		s.Ports(1, 4, echo{0x50, &log})
	}})
	in := func(p uint16, size int, want uint64) {
		t.Helper()
		if got := b.PortIn(p, size); got != want {
			t.Errorf("in %#x/%d: %#x, want %#x", p, size, got, want)
		}
	}
	in(0x100, 1, 0x10)
	in(0x103, 1, 0x13)
	in(0x104, 1, 0x42)          // the second claim, behind the first
	in(0x100, 4, 0x13121110)    // split
	in(0x102, 4, 0xffff1312)    // beyond the window the bus floats
	in(0x200, 4, 0x20000000)    // taken in one piece
	in(0x202, 2, 0x2002)        //
	in(0x202, 4, 0xffffffff)    // across its end
	in(0x300, 2, 0xffff)        // nobody
	in(0xffff, 1, 0x51)         // the last port
	b.PortOut(0x101, 2, 0xbbaa) // low address first
	b.PortOut(0x200, 4, 1)
	b.PortOut(0x300, 4, 1)
	b.MemOut(0x1000_0008, 8, 0x1122334455667788)
	if want := []string{"1/1=aa", "2/1=bb", "0/4=1", "8/4=55667788", "c/4=11223344"}; !reflect.DeepEqual(log, want) {
		t.Errorf("writes %q, want %q", log, want)
	}
	b.Moved = false
	port.Map(0x500)
	far.Unmap()
	in(0x100, 1, 0xff)
	in(0x102, 1, 0x40)
	in(0x501, 1, 0x11)
	if got := b.MemIn(0x1000_0000, 4); got != 0xffffffff || !b.Moved {
		t.Errorf("closed window reads %#x, moved %v", got, b.Moved)
	}
	if w := b.Windows(); w[2].Open || w[0].Base != 0x500 || w[3].Slot != "b" || !w[3].Port || w[3].Size != 8 {
		t.Errorf("%+v", w)
	}
}

// A wire is high while any of its drivers is; pins hear of changes only.
func TestWires(t *testing.T) {
	var log []string
	var x, y vmm.Line
	b := vmm.NewBoard(nil, vmm.Config{})
	b.Plug(vmm.Place{Name: "x", Lines: []uint16{5}}, part{func(s *vmm.Slot) { x = s.Line(0) }})
	b.Plug(vmm.Place{Name: "y", Lines: []uint16{5}}, part{func(s *vmm.Slot) { y = s.Line(0) }})
	b.Plug(vmm.Place{Name: "ear", Pins: []uint16{5}}, part{func(s *vmm.Slot) {
		s.Pin(0, func(l bool) { log = append(log, fmt.Sprint(l)) })
	}})
	x.Set(true)
	y.Set(true)
	x.Set(false)
	x.Set(false)
	y.Set(false)
	if want := []string{"true", "false"}; !reflect.DeepEqual(log, want) {
		t.Errorf("%v, want %v", log, want)
	}
}

func TestRequests(t *testing.T) {
	var out vmm.Req
	var in vmm.ReqIn
	var log []string
	b := vmm.NewBoard(nil, vmm.Config{})
	b.Plug(vmm.Place{Name: "a", Reqs: []uint8{1}}, part{func(s *vmm.Slot) { out = s.Req(0, func() uint8 { return 0x33 }) }})
	b.Plug(vmm.Place{Name: "b", Reqs: []uint8{1}}, part{func(s *vmm.Slot) {
		in = s.ReqIn(0, func(l bool) { log = append(log, fmt.Sprint(l)) })
	}})
	out.Set(true)
	out.Set(true)
	if !in.Level() || in.Ack() != 0x33 || b.INTR() || len(log) != 1 {
		t.Errorf("level %v, log %v", in.Level(), log)
	}
	defer func() {
		if recover() == nil {
			t.Error("a request wire has two drivers")
		}
	}()
	b.Plug(vmm.Place{Name: "c", Reqs: []uint8{1}}, part{func(s *vmm.Slot) { s.Req(0, func() uint8 { return 0 }) }})
}

// Timers fire by deadline, then claim order, also those armed by others at the same instant.
func TestTimerOrder(t *testing.T) {
	var log []string
	var tm [3]vmm.Timer
	b := vmm.NewBoard(nil, vmm.Config{})
	b.Plug(vmm.Place{Name: "t"}, part{func(s *vmm.Slot) {
		for i := range tm {
			tm[i] = s.Timer(func() {
				log = append(log, fmt.Sprintf("%d@%d", i, b.Now()))
				if i == 2 && len(log) < 5 {
					tm[0].At(b.Now())
				}
			})
		}
	}})
	tm[0].At(20)
	tm[1].At(10)
	tm[2].At(10)
	if b.Deadline() != 10 {
		t.Errorf("deadline %d", b.Deadline())
	}
	for b.Deadline() != vmm.Never {
		b.Advance(b.Deadline())
	}
	if want := []string{"1@10", "2@10", "0@10"}; !reflect.DeepEqual(log, want) { // 2 re-armed 0 from 20 to 10
		t.Errorf("%v, want %v", log, want)
	}
}

// At(n, hz) is the first instant at which Ticks(hz) is n.
func TestClock(t *testing.T) {
	rng := rand.New(rand.NewPCG(5, 5))
	for range 20000 {
		b := vmm.NewBoard(nil, vmm.Config{Hz: []uint64{0, 1000, 3_000_000_000}[rng.IntN(3)]})
		c, hz := b.Clock(), []uint64{32768, 1_193_182, 3_579_545, 1_000_000_000, 7}[rng.IntN(5)]
		n := 1 + rng.Uint64N(1<<rng.IntN(28))
		at := c.At(n, hz)
		b.SetNow(at)
		now := c.Ticks(hz)
		b.SetNow(at - 1)
		if before := c.Ticks(hz); now < n || before >= n {
			t.Fatalf("tick %d of %d Hz at %d: %d, before it %d", n, hz, at, now, before)
		}
	}
}

func TestMulDiv(t *testing.T) {
	const most = 1<<64 - 1
	for _, c := range [][4]uint64{
		{0, 5, 3, 0}, {10, 10, 3, 33}, {most, most, most, most}, {most, 2, 4, most / 2}, {most, 2, 1, most}, {1, 1, 0, most},
	} {
		if got := vmm.MulDiv(c[0], c[1], c[2]); got != c[3] {
			t.Errorf("%d * %d / %d = %d, want %d", c[0], c[1], c[2], got, c[3])
		}
	}
}

func TestOwnedRegisters(t *testing.T) {
	b := vmm.NewBoard(nil, vmm.Config{})
	b.Plug(vmm.Place{Name: "m"}, part{func(s *vmm.Slot) {
		s.MSRs(0x800, 4, msrs{})
		s.Call(0x5658, true, func(r *vmm.Regs) { r.RAX++ })
		s.TPR(func() uint8 { return 9 }, func(uint8) {})
	}})
	if v, ok, owned := b.RDMSR(0x803); v != 0x803 || !ok || !owned {
		t.Error(v, ok, owned)
	}
	if _, _, owned := b.RDMSR(0x804); owned {
		t.Error("an MSR beyond the claim is owned")
	}
	if ok, owned := b.WRMSR(0x800, 1); ok || !owned {
		t.Error(ok, owned)
	}
	if b.TPR() != 9 || b.MSRs()[0].Size != 4 {
		t.Error(b.TPR(), b.MSRs())
	}
	f, ring3 := b.CallAt(0x5658)
	r := vmm.Regs{RAX: 1}
	if f(&r); r.RAX != 2 || !ring3 {
		t.Error(r.RAX, ring3)
	}
	if f, _ := b.CallAt(0x5659); f != nil {
		t.Error("a call at a port nobody claimed")
	}
}

type msrs struct{}

func (msrs) RDMSR(n uint32) (uint64, bool) { return uint64(n), true }
func (msrs) WRMSR(uint32, uint64) bool     { return false }
