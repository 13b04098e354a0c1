package interp

import (
	"bytes"
	"fmt"
	"strings"
	"testing"

	"vmrecord/vmm"
	"vmrecord/vmm/cpu"
)

// A stopped case runs code as an events case does, under stops:
//
//	x:10002 r:20000-20007 w: in: out: msr: v: e:   kind and range, hexadecimal
//	…@1000                                         only in this address space
//
// and lists what struck: the stop, RIP, the instant; behind a colon the address,
// size and w for a write. After each the machine passes.
type stopped struct{ code, before, stops, want string }

func stopOf(w string) (s vmm.Stop, err error) {
	kinds := map[string]vmm.StopOn{"x": vmm.StopExec, "r": vmm.StopRead, "w": vmm.StopWrite, "in": vmm.StopPortIn,
		"out": vmm.StopPortOut, "msr": vmm.StopMSR, "v": vmm.StopVector, "e": vmm.StopException}
	kind, at, _ := strings.Cut(w, ":")
	at, space, within := strings.Cut(at, "@")
	first, last, span := strings.Cut(at, "-")
	s.On, s.Any = kinds[kind], !within
	if _, err = fmt.Sscanf(first, "%x", &s.First); err != nil {
		return s, err
	}
	if s.Last = s.First; span {
		if _, err = fmt.Sscanf(last, "%x", &s.Last); err != nil {
			return s, err
		}
	}
	if within {
		_, err = fmt.Sscanf(space, "%x", &s.CR3)
	}
	return s, err
}

// run runs the case in slices and returns what struck, and the end.
func (s stopped) run(t *testing.T, list []vmm.Stop, slice vmm.Instant) (hits string, end cpu.State, ram []byte) {
	t.Helper()
	x, err := events{code: s.code, before: s.before}.system()
	if err != nil {
		t.Fatalf("%+v: %v", s, err)
	}
	state := x.c.State
	m := &vmm.Machine{Board: x.c.board, CPU: &state, Engine: x.c, Door: new(vmm.Scripted), Slice: slice}
	if x.pulses[0] {
		x.pin.s.NMI()
	}
	m.SetStops(list)
	var log []string
	for m.Run(300) == vmm.Struck {
		h, _ := m.Hit()
		w := fmt.Sprintf("%d@%x+%d:%x/%d", h.Stop, state.RIP, m.Now(), h.Addr, h.Size)
		if h.Write {
			w += "w"
		}
		log = append(log, w)
		m.Pass = true
	}
	if m.Err() != nil || m.Now() != 300 || m.Pass {
		t.Errorf("%+v: ended at %d: %v", s, m.Now(), m.Err())
	}
	return strings.Join(log, " "), state, x.ram
}

// TestStops: what each kind of stop meets, and that nothing comes of it.
func TestStops(t *testing.T) {
	for _, s := range []stopped{
		{"90 90", "", "x:10001", "0@10001+1:10001/0"},
		{"90 90", "", "x:10001@1000", "0@10001+1:10001/0"},
		{"90 90", "", "x:10001@1005", "0@10001+1:10001/0"},
		{"90 90", "", "x:10001@2000", ""},
		{"90 90", "", "x:10000-10001", "0@10000+0:10000/0 0@10001+1:10001/0"},
		{"b8 01 00 00 00", "", "x:10001-10004", ""},
		{"90 90", "", "x:20000 x:10001 x:10001", "1@10001+1:10001/0"},
		{"ff c9 75 fc", "rcx=3", "x:10000", "0@10000+0:10000/0 0@10000+2:10000/0 0@10000+4:10000/0"},
		{"90 f3 aa 90", "rcx=3 rdi=20000", "x:10001", "0@10001+1:10001/0"},
		{"f3 aa 90", "rf rcx=3 rdi=20000", "x:10000", ""},
		{"90 90", "rf", "x:10000", "0@10000+0:10000/0"},
		{"fb 90", "", "x:10001", "0@10001+1:10001/0"},
		{"8e d0 90", "rax=10", "x:10002", "0@10002+1:10002/0"},
		{"90 90", "tf", "x:10001", "0@10001+3:10001/0"},
		{"ff e0", "rax=40000", "x:40000", "0@40000+1:40000/0"}, // before its page fault

		{"90 48 8b 03", "rbx=20000", "r:20000", "0@10001+1:20000/8"},
		{"48 8b 03", "rbx=20001", "r:20000", ""},
		{"48 8b 03", "rbx=20001", "r:20008", "0@10000+0:20001/8"},
		{"48 8b 03", "rbx=20001", "r:20009", ""},
		{"48 8b 03", "rbx=20ffc", "r:21003", "0@10000+0:20ffc/8"},
		{"48 8b 03", "rbx=20000", "w:20000", ""},
		{"90 88 03", "rbx=20000", "r:20000 w:20000", "1@10001+1:20000/1w"},
		{"01 03", "rbx=20000", "w:20000 r:20000", "1@10000+0:20000/4"},
		{"01 03", "rbx=20000", "w:20003", "0@10000+0:20000/4w"},
		{"87 03", "rbx=20000", "w:20003", "0@10000+0:20000/4w"},
		{"f0 48 0f c7 0e", "rsi=20010", "w:20018", "0@10000+0:20018/8w"},
		{"50", "", "w:307f8", "0@10000+0:307f8/8w"},
		{"ff 33", "rbx=20000", "w:307f8", "0@10000+0:307f8/8w"},
		{"e8 00 00 00 00", "", "w:307f8", "0@10000+0:307f8/8w"},
		{"c8 10 00 00", "", "w:307f8", "0@10000+0:307f8/8w"},
		{"c8 10 00 00", "", "w:307e8", ""}, // tried, not written
		{"0f 18 03 0f ae 3b", "rbx=20000", "r:20000", ""},
		{"0f 11 03", "rbx=20ff8", "w:21004", "0@10000+0:20ff8/16w"},
		{"66 0f f7 c1", "rdi=20000", "w:20000-2000f", ""}, // nothing to write
		{"0f ae 03", "rbx=20000", "w:20010", "0@10000+0:20000/255w"},
		{"48 a5", "rsi=20000 rdi=21000", "r:20000 w:21000", "0@10000+0:20000/8"},
		{"90 f3 a4", "rcx=20 rsi=20000 rdi=21000", "w:2101e", "0@10001+31:2101e/1w"},
		{"f3 48 a5", "rcx=20 rsi=20000 rdi=21000", "r:20080", "0@10000+16:20080/8"},
		{"f3 aa", "rcx=20 rdi=20000", "w:2001f", "0@10000+31:2001f/1w"},
		{"8e db", "rbx=10", "r:7010", "0@10000+0:7010/8"},
		{"48 cf", "[30800]=0000000000010002 [30808]=0000000000000008 [30810]=0000000000000002 [30818]=0000000000030900 [30820]=0000000000000010",
			"r:30818", "0@10000+0:30818/8"},

		{"e4 60", "", "in:5f in:60 out:60", "1@10000+0:60/1"},
		{"90 e7 61", "", "in:60-70 out:63-70", "1@10001+1:61/4w"},
		{"66 ed", "rdx=80", "in:81", "0@10000+0:80/2"},
		{"6c", "rdx=80 rdi=20000", "in:80", "0@10000+0:80/1"},
		{"f3 6e", "rdx=80 rcx=2 rsi=20000", "out:80", "0@10000+0:80/1w 0@10000+1:80/1w"},
		{"0f 32 90 0f 30", "rcx=c0000102", "msr:c0000102", "0@10000+0:c0000102/8 0@10003+2:c0000102/8w"},
		{"0f 32", "rcx=c0000103", "msr:c0000102", ""},

		{"90", "nmi=0", "v:2", "0@10000+0:2/0"},
		{"cd 20 90", "", "e:20 v:20", "1@10000+0:20/0"},
		{"cc", "", "v:3 e:3", "1@10000+0:3/0"},
		{"90 0f 0b", "", "e:6", "0@10001+1:6/0"},
		{"90 0f 0b", "", "w:307d8 e:6", "1@10001+1:6/0"},
		{"90 0f 0b", "", "w:307d8", "0@10001+1:307d8/8w"},
		{"8b 03", "rbx=40000", "r:40000 e:e", "1@10000+0:e/0"},
		{"90", "tf", "e:1", "0@10001+1:1/0 0@10002+4:1/0 0@10003+7:1/0"},
		{"90", "nmi=0", "w:307f0", "0@10000+0:307f0/8w"},
		{"f3 aa", "rcx=9 rdi=3fffe", "e:e", "0@10000+2:e/0"},
		{"fb 0f 0b", "", "e:6", "0@10001+1:6/0"},
	} {
		var list []vmm.Stop
		for _, w := range strings.Fields(s.stops) {
			x, err := stopOf(w)
			if err != nil {
				t.Fatalf("%q: %v", w, err)
			}
			list = append(list, x)
		}
		_, want, wantRAM := s.run(t, nil, 0)
		for _, slice := range []vmm.Instant{0, 1, 97} {
			hits, end, ram := s.run(t, list, slice)
			if hits != s.want {
				t.Errorf("{%q, %q, %q}, slices of %d: %q, want %q", s.code, s.before, s.stops, slice, hits, s.want)
			}
			if end != want || !bytes.Equal(ram, wantRAM) {
				t.Errorf("{%q, %q, %q}, slices of %d: it does not end as without stops", s.code, s.before, s.stops, slice)
			}
		}
	}
}
