package timer

import (
	"fmt"
	"math/rand/v2"
	"testing"
	"time"

	"vmrecord/hwdevices/devtest"
	"vmrecord/vmm"
)

// useRTC uses a register: index, then data.
func useRTC(rng *rand.Rand, r *devtest.Rig) string {
	p := devtest.Port(0)
	i := []uint64{rng.Uint64N(14), rng.Uint64N(128), 0x0a, 0x0b, 0x0c, rtcCentury}[rng.IntN(6)]
	r.PortOut(p, 1, i)
	if rng.IntN(3) == 0 {
		v := rng.Uint64N(256)
		if i == 0x0a && rng.IntN(4) != 0 {
			v = 0x20 | v&15
		}
		r.PortOut(p+1, 1, v)
	}
	if rng.IntN(4) == 0 {
		r.Advance(r.Now() + vmm.Instant(rng.Uint64N(1<<33)))
	}
	return fmt.Sprintf("%#x: %#x", i, r.PortIn(p+1, 1))
}

func TestMC146818(t *testing.T) {
	devtest.Check(t, func() vmm.Device { return new(MC146818) }, useRTC)
}

// The rig's epoch is 1 700 000 000: Tuesday, 2023-11-14 22:13:20 UTC.
func TestMC146818Behaviour(t *testing.T) {
	get := func(i, v uint8) string { return fmt.Sprintf("out 0.0 %x \n in 0.1 %x \n", i, v) }
	put := func(i, v uint8) string { return fmt.Sprintf("out 0.0 %x \n out 0.1 %x \n", i, v) }
	date := func(v ...uint8) (s string) {
		for i, r := range []uint8{0, 2, 4, 6, 7, 8, 9, 0x32} {
			s += get(r, v[i])
		}
		return s
	}
	for name, script := range map[string]string{
		"power-on": date(0x20, 0x13, 0x22, 3, 0x14, 0x11, 0x23, 0x20) +
			get(0xa, 0x26) + get(0xb, 2) + get(0xc, 0) + get(0xd, 0x80) + "in 0.0 ff",
		"time goes on":         "until 101s \n" + date(0x01, 0x15, 0x22, 3, 0x14, 0x11, 0x23, 0x20),
		"binary and 12 hours":  put(0xb, 4) + date(20, 13, 0x8a, 3, 14, 11, 23, 20),
		"12 hours, midnight":   put(0xb, 0) + "until 6400s \n" + get(4, 0x12) + get(2, 0),
		"midnight changes day": "until 6400s \n" + date(0, 0, 0, 4, 0x15, 0x11, 0x23, 0x20),
		"update in progress": "until 997771us \n" + get(0xa, 0x26) + "until 997774us \n" + get(0xa, 0xa6) +
			get(0, 0x20) + "until 1s \n" + get(0xa, 0x26) + get(0, 0x21),
		"setting": "until 500ms \n" + put(0xb, 0x82) + get(0xa, 0x26) +
			put(0, 0x58) + put(2, 0x59) + put(4, 0x23) + put(6, 1) + put(7, 0x31) + put(8, 0x12) + put(9, 0x99) + put(0x32, 0x19) +
			"time 10s \n" + get(0, 0x58) + put(0xb, 2) + get(0, 0x58) +
			"time 1500ms \n" + date(0, 0, 0, 2, 1, 1, 0, 0x20),
		"divider held, then half a second": "until 900ms \n" + put(0xa, 0x76) + "time 10s \n" + get(0, 0x20) + put(0xa, 0x26) +
			get(0, 0x20) + "time 499ms \n" + get(0, 0x20) + "time 2ms \n" + get(0, 0x21),
		"update interrupt": put(0xb, 0x12) + "until 999ms \n line 0 0 \n until 1s \n line 0 1 \n" +
			get(0xc, 0xd0) + "line 0 0 \n" + get(0xc, 0) + "until 2s \n line 0 1 \n" + put(0xb, 0x92) + get(0xb, 0x82),
		"flags without interrupts": "until 1s \n line 0 0 \n" + get(0xc, 0x50),
		"periodic, 1024 Hz": put(0xb, 0x42) + "until 976us \n line 0 0 \n until 977us \n line 0 1 \n" + get(0xc, 0xc0) +
			"line 0 0 \n until 1954us \n line 0 1",
		"periodic, off and slow": put(0xa, 0x20) + put(0xb, 0x42) + "time 1s \n line 0 0 \n" + put(0xa, 0x2f) + "until 1499ms \n line 0 0 \n" +
			"until 1500ms \n line 0 1",
		"alarm": put(1, 0x25) + put(3, 0x13) + put(5, 0xc0) + put(0xb, 0x22) + "until 4999ms \n line 0 0 \n until 5s \n line 0 1 \n" +
			get(0xc, 0xf0) + "until 3604s \n line 0 0 \n until 3605s \n line 0 1",
		"alarm that never comes": put(1, 0x77) + put(0xb, 0x22) + "time 10s \n" + get(0xc, 0x50),
		"memory":                 put(0x0e, 0x5a) + put(0x7f, 0xa5) + get(0x0e, 0x5a) + get(0x7f, 0xa5) + get(0xd, 0x80),
	} {
		t.Run(name, func(t *testing.T) { devtest.Play(t, new(MC146818), script) })
	}
}

// The calendar agrees with package time's, and decode undoes encode.
func TestCalendar(t *testing.T) {
	r := new(MC146818)
	for _, b := range []uint8{0, b24h, bBinary, bBinary | b24h} {
		r.state.B = b
		for sec := int64(-2_000_000_000); sec < 6_000_000_000; sec += 7_654_321 {
			y, m, d := time.Unix(sec, 0).UTC().Date()
			days := (sec - floorMod(sec, 86400)) / 86400
			if gy, gm, gd := civil(days); int(gy) != y || gm != int64(m) || int(gd) != d {
				t.Fatalf("%d: %d-%d-%d, want %d-%d-%d", sec, gy, gm, gd, y, m, d)
			}
			if w := dayOfWeek(sec); w != int64(time.Unix(sec, 0).UTC().Weekday())+1 {
				t.Fatalf("%d: weekday %d", sec, w)
			}
			if got, _ := r.decode(r.encode(sec)); got != sec {
				t.Fatalf("B %#x: %d decodes as %d", b, sec, got)
			}
		}
	}
}

// A machine that goes on a day later shows that day, at the same phase; a clock that
// software has stopped does not, and an alarm waits for its time of the new day.
func TestRedate(t *testing.T) {
	const day, epoch = 86400, 1_700_000_000
	b, r := vmm.NewBoard(nil, vmm.Config{Epoch: epoch}), new(MC146818)
	b.Plug(vmm.Place{Name: "rtc", Ports: []uint16{0x70}, Lines: []uint16{8}}, r)
	b.Advance(vmm.DefaultHz * 5 / 2)
	b.Redate(epoch + day)
	if got := r.second(r.ticks()); got != epoch+day+2 || b.Clock().Epoch() != epoch+day {
		t.Errorf("it shows %d", got)
	}
	r.Out(0, 1, rtcB)
	r.Out(1, 1, bSET|b24h)
	was := r.fields()
	b.Redate(epoch + 2*day)
	if r.fields() != was {
		t.Errorf("stopped it shows % x, before % x", r.fields(), was)
	}
}
