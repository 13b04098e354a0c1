package tape_test

import (
	"bytes"
	"crypto/sha256"
	"errors"
	"io"
	"strings"
	"testing"

	"vmrecord/vmm"
	"vmrecord/vmm/mem"
	"vmrecord/vmm/tape"
	"vmrecord/vmm/tape/tapetest"
)

// epochs records a machine on n tapes without a gap. The made has the state at
// the start and the sum of the footers.
func epochs(t *testing.T, seed uint64, n int) (r *made, tapes [][]byte, text []byte) {
	m := tapetest.New(pages)
	m.Door = tapetest.NewLive(seed)
	m.Run(5000)
	r = &made{secs: m.Save(), ram: bytes.Clone(m.Mem.B)}
	var console bytes.Buffer
	for range n {
		var out bytes.Buffer
		rec, err := tape.NewRecorder(m, &out, tape.Options{Period: 1000, Keys: func(vmm.Input) uint64 { return 1 }})
		if err != nil {
			t.Fatal(err)
		}
		m.OnOutput(tapetest.Outlet, func(p []byte) { console.Write(p) })
		for end := m.Now() + 9000; m.Now() < end; {
			if m.Run(min(end, m.Now()+777)) == vmm.Beat {
				rec.Beat()
			}
			rec.Sync()
		}
		rec.Mark("seam")
		r.marks += "mark seam "
		if r.foot, err = rec.Stop(false, false, "epoch"); err != nil {
			t.Fatal(err)
		}
		tapes = append(tapes, out.Bytes())
	}
	return r, tapes, console.Bytes()
}

func readers(tapes [][]byte) (in []io.Reader) {
	for _, b := range tapes {
		in = append(in, bytes.NewReader(b))
	}
	return in
}

// Some tapes of one run become a tape that replays as if it had been one.
func TestJoin(t *testing.T) {
	for n := 1; n <= 4; n++ {
		r, tapes, text := epochs(t, uint64(n), n)
		var out bytes.Buffer
		j := tape.Joint{Console: sha256.Sum256(text), ConsoleBytes: uint64(len(text)), Why: "saved"}
		if whole, err := tape.Join(&out, readers(tapes), &j); !whole || err != nil {
			t.Fatalf("%d tapes: %v, %v", n, whole, err)
		}
		m, marks := r.machine(t), ""
		tr, err := tape.NewReader(bytes.NewReader(out.Bytes()))
		if err != nil {
			t.Fatal(err)
		}
		p, err := tape.NewPlayer(m, tr)
		if err != nil {
			t.Fatal(err)
		}
		p.OnMark = func(k tape.MarkKind, text string) { marks += k.String() + " " + text + " " }
		if _, err := p.Run(vmm.Position{At: vmm.Never - 1, Inputs: tape.All}); err != nil || !p.Ended() {
			t.Fatalf("%d tapes: %v", n, err)
		}
		f := p.Played().Footer
		if f == nil || f.End != r.foot.End || p.Played().End != f.End || marks != r.marks || f.Console != j.Console ||
			f.ConsoleBytes != j.ConsoleBytes || !f.Kept || f.Why != "saved" || f.Frames.Keys != f.Frames.Inputs ||
			f.Inputs != p.Played().Inputs || f.Inputs == 0 {
			t.Errorf("%d tapes: footer %+v, marks %q", n, f, marks)
		}
	}
}

// What is missing at the end makes the tape truncated; anything else is told.
func TestJoinOfWhatIsThere(t *testing.T) {
	_, tapes, _ := epochs(t, 5, 3)
	_, other, _ := epochs(t, 6, 1)
	a, b, c := tapes[0], tapes[1], tapes[2]
	half := b[:len(b)/2]
	for _, x := range []struct {
		name  string
		tapes [][]byte
		whole bool
		err   string
	}{
		{"all", [][]byte{a, b, c}, true, ""},
		{"from the second on", [][]byte{b, c}, true, ""},
		{"half of the last", [][]byte{a, half}, false, ""},
		{"half of one between", [][]byte{a, half, c}, false, ""},
		{"nothing of the last", [][]byte{a, nil}, false, ""},
		{"nothing of the first", [][]byte{nil, b}, false, "truncated"},
		{"a gap", [][]byte{a, c}, false, "tape 1 does not go on"},
		{"of another run", [][]byte{a, other[0]}, false, "tape 1 does not go on"},
		{"twice", [][]byte{a, a}, false, "tape 1 does not go on"},
		{"no tape", [][]byte{a, []byte("something else")}, false, "not a tape"},
	} {
		var out bytes.Buffer
		whole, err := tape.Join(&out, readers(x.tapes), &tape.Joint{})
		if whole != x.whole || (err == nil) != (x.err == "") || err != nil && !strings.Contains(err.Error(), x.err) {
			t.Errorf("%s: %v, %v", x.name, whole, err)
		}
		if err != nil {
			continue
		}
		if whole, err := tape.Join(io.Discard, readers(x.tapes), nil); whole || err != nil {
			t.Errorf("%s, without a joint: %v, %v", x.name, whole, err)
		}
		if _, err := tapetest.Frames(bytes.NewReader(out.Bytes())); whole != (err == nil) || !whole && !errors.Is(err, tape.ErrTruncated) {
			t.Errorf("%s: read again: %v", x.name, err)
		}
	}
}

// A tape that begins at the right place in another state is no continuation.
func TestJoinComparesTheSeam(t *testing.T) {
	_, tapes, _ := epochs(t, 7, 2)
	fs, err := tapetest.Frames(bytes.NewReader(tapes[1]))
	if err != nil {
		t.Fatal(err)
	}
	fs[1].Beat.Root = mem.Hash{1}
	b, err := tapetest.Rewrite(fs)
	if err != nil {
		t.Fatal(err)
	}
	var gap *tape.GapError
	if _, err := tape.Join(io.Discard, readers([][]byte{tapes[0], b}), &tape.Joint{}); !errors.As(err, &gap) {
		t.Errorf("another memory at the seam: %v", err)
	}
}
