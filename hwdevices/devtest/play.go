package devtest

import (
	"fmt"
	"strconv"
	"strings"
	"testing"

	"vmrecord/vmm"
)

// Port is the base of the device's port window i, Mem of its memory window i.
func Port(i int) uint16 { return uint16(0x1000*i + 0x100) }

// Mem is the base of the device's memory window i.
func Mem(i int) uint64 { return uint64(i+1) << 28 }

// Play runs a script, one action or expectation a line, on a fresh device that
// has all its wires held. Numbers are hexadecimal but for the indices of wires
// and windows (in claim order) and for times. A # starts a comment.
//
//	out 0.3 34       write 34h to offset 3 of window 0; out 0.3/4 writes 32 bits
//	in 0.3 ff        a read there must give ffh
//	wrmsr 800 5      #GP must not come; wrmsr! 800 5: must come
//	rdmsr 800 5      must give 5; rdmsr! 800: must give #GP
//	time 1500us      let time pass (ns, us, ms, s)
//	until 1500us     let time pass to that moment since the first instant
//	pin 3 1          drive a pin
//	req 1 1          drive a request wire
//	line 0 1         the level of an output must be 1
//	int 0 1          the level of a driven request wire must be 1
//	ack 0 20         taking that request must give vector 20h
//	put rx 41 42     an input of two bytes
//	got tx 41 42     what an outlet carried since it was last asked
//	msi fee00000 21  the messages sent since: address and data; none: "msi"
//	eoi 21           the broadcasts since
//	nmi 1            whether an NMI was raised since
//	tpr 4            write CR8
//	stop 2 5         a stop of that kind and code was asked for
func Play(t *testing.T, d vmm.Device, script string) {
	t.Helper()
	r := newRig(d)
	for n, line := range strings.Split(script, "\n") {
		line, _, _ = strings.Cut(line, "#")
		f := strings.Fields(line)
		if len(f) == 0 {
			continue
		}
		if got, want := r.play(t, f); got != want {
			t.Errorf("line %d: %s: got %s, want %s", n, strings.TrimSpace(line), got, want)
		}
	}
}

// number reads a hexadecimal number; a mistake in a script is fatal.
func number(t *testing.T, s string, base int) uint64 {
	t.Helper()
	v, err := strconv.ParseUint(s, base, 64)
	if err != nil {
		t.Fatalf("script: %v", err)
	}
	return v
}

// play does one line and returns what came of it, and what was expected.
func (r *Rig) play(t *testing.T, f []string) (got, want string) {
	t.Helper()
	arg := func(i int) uint64 { return number(t, f[i], 16) }
	rest := strings.Join(f[1:], " ")
	switch f[0] {
	case "out", "in":
		v, ok := r.access(t, f)
		if f[0] == "in" && ok {
			return fmt.Sprintf("%x", v), fmt.Sprintf("%x", arg(2))
		}
		return "", ""
	case "wrmsr", "wrmsr!":
		ok, _ := r.WRMSR(uint32(arg(1)), arg(2))
		return fmt.Sprint(ok), fmt.Sprint(f[0] == "wrmsr")
	case "rdmsr":
		v, ok, _ := r.RDMSR(uint32(arg(1)))
		return fmt.Sprintf("%x %v", v, ok), f[2] + " true"
	case "rdmsr!":
		_, ok, _ := r.RDMSR(uint32(arg(1)))
		return fmt.Sprint(ok), "false"
	case "time":
		r.run(r.Now() + r.duration(t, f[1]))
	case "until":
		r.run(r.duration(t, f[1]))
	case "pin":
		r.pins[number(t, f[1], 10)].Set(f[2] == "1")
	case "req":
		r.reqs[number(t, f[1], 10)].Set(f[2] == "1")
	case "line":
		return bit(r.lines[number(t, f[1], 10)]), f[2]
	case "int":
		return bit(r.acks[number(t, f[1], 10)].Level()), f[2]
	case "ack":
		return fmt.Sprintf("%x", r.acks[number(t, f[1], 10)].Ack()), f[2]
	case "put":
		var p []byte
		for i := range f[2:] {
			p = append(p, byte(arg(i+2)))
		}
		r.input("dev/"+f[1], p)
	case "got":
		p := r.outs[f[1]]
		r.outs[f[1]] = nil
		return hexes(p), strings.Join(f[2:], " ")
	case "msi":
		m := strings.Join(r.msis, " ")
		r.msis = nil
		return m, rest
	case "eoi":
		m := hexes(r.eois)
		r.eois = nil
		return m, rest
	case "nmi":
		return bit(r.TakeNMI()), f[1]
	case "tpr":
		r.SetTPR(uint8(arg(1)))
	case "stop":
		kind, code := r.Stopped()
		return fmt.Sprintf("%d %x", kind, code), rest
	default:
		t.Fatalf("script: no word %q", f[0])
	}
	return "", ""
}

func bit(b bool) string {
	if b {
		return "1"
	}
	return "0"
}

func hexes(p []byte) string { return strings.TrimSpace(fmt.Sprintf("% x", p)) }

func (r *Rig) run(to vmm.Instant) {
	for r.Now() < to {
		r.Advance(min(to, r.Deadline()))
	}
}

func (r *Rig) duration(t *testing.T, s string) vmm.Instant {
	t.Helper()
	for _, u := range []struct {
		suffix string
		ns     uint64
	}{{"ns", 1}, {"us", 1e3}, {"ms", 1e6}, {"s", 1e9}} {
		if n, ok := strings.CutSuffix(s, u.suffix); ok {
			return vmm.Instant(vmm.MulDiv(number(t, n, 10)*u.ns, r.Clock().Hz(), 1e9))
		}
	}
	t.Fatalf("script: no unit in %q", s)
	return 0
}

// access does "out window.offset/size value" or "in ...".
func (r *Rig) access(t *testing.T, f []string) (v uint64, ok bool) {
	t.Helper()
	place, size := f[1], 1
	if p, s, has := strings.Cut(place, "/"); has {
		place, size = p, int(number(t, s, 10))
	}
	win, off, has := strings.Cut(place, ".")
	if !has || len(f) < 3 {
		t.Fatalf("script: %v", f)
	}
	var c vmm.Claim
	i := number(t, win, 10)
	for _, w := range r.Windows() {
		if w.Slot == "dev" {
			if i == 0 {
				c = w
				break
			}
			i--
		}
	}
	at, x := c.Base+number(t, off, 16), number(t, f[2], 16)
	switch {
	case f[0] == "in" && c.Port:
		return r.PortIn(uint16(at), size), true
	case f[0] == "in":
		return r.MemIn(at, size), true
	case c.Port:
		r.PortOut(uint16(at), size, x)
	default:
		r.MemOut(at, size, x)
	}
	return 0, false
}
