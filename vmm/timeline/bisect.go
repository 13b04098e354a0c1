package timeline

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"slices"

	"vmrecord/vmm"
	"vmrecord/vmm/cpu"
	"vmrecord/vmm/mem"
	"vmrecord/vmm/tape"
	"vmrecord/vmm/x86"
)

// A Fork is where two executions that begin alike part.
type Fork struct {
	// Good is the last boundary looked at where all was equal; the one behind
	// it, Bad and in the other execution Other, is the first where it is not.
	Good, Bad, Other vmm.Position
	RIP              uint64 // at Good: what is carried out next, unless an interrupt comes
	Instruction      string // "" if there is none to be read
	// Inputs are what came in next in each, if that was before Bad or Other;
	// without an inlet where nothing did.
	Inputs      [2]vmm.Input
	Differences []Difference
}

// A Difference is a field of a section, or a byte of RAM, in both executions.
type Difference struct {
	Section string // "ram" for memory
	Field   string // or an address
	A, B    string
}

// ErrStart says that two executions do not begin alike.
var ErrStart = errors.New("timeline: they do not begin alike: compare recordings that start at the same snapshot")

// looks is how many places Bisect looks at first: executions that part can come
// to the same again.
const looks = 16

// Bisect finds where two executions part; nil if they are equal to where the
// first of them ends. Both stand there in the end, or at Good. What becomes equal again
// within a sixteenth of the way may not be seen.
func Bisect(ctx context.Context, a, b *Timeline) (*Fork, error) {
	if a.Start() != b.Start() {
		return nil, ErrStart
	}
	start := a.Start()
	if same, err := equalAt(ctx, a, b, start); err != nil || !same {
		return nil, errors.Join(ErrStart, err)
	}
	lo, end := start.At, min(a.End().At, b.End().At)
	if lo == end {
		return nil, nil
	}
	// Branches of one position part there, by their inputs.
	switch same, err := equalAt(ctx, a, b, behind(lo)); {
	case err != nil:
		return nil, err
	case !same:
		return fork(ctx, a, b, start, behind(lo))
	}
	hi := lo
	for n := vmm.Instant(1); n <= looks; n++ {
		at := start.At + (end-start.At)/looks*n
		if n == looks {
			at = end
		}
		same, err := equalAt(ctx, a, b, behind(at))
		if err != nil {
			return nil, err
		}
		if hi = at; !same {
			break
		}
		lo = at
	}
	if lo == end {
		return nil, nil
	}
	for hi-lo > 1 {
		mid := lo + (hi-lo)/2
		same, err := equalAt(ctx, a, b, behind(mid))
		if err != nil {
			return nil, err
		}
		if same {
			lo = mid
		} else {
			hi = mid
		}
	}
	return fork(ctx, a, b, behind(lo), behind(hi))
}

// behind is the position after all inputs of an instant.
func behind(at vmm.Instant) vmm.Position { return vmm.Position{At: at, Inputs: tape.All} }

// equalAt goes to a position in both and compares everything.
func equalAt(ctx context.Context, a, b *Timeline, to vmm.Position) (bool, error) {
	if err := errors.Join(a.Seek(ctx, to), b.Seek(ctx, to)); err != nil {
		return false, err
	}
	if a.Position() != b.Position() {
		return false, nil
	}
	_, x := a.Machine().Digests()
	_, y := b.Machine().Digests()
	return x == y && a.Machine().Mem.Root() == b.Machine().Mem.Root(), nil
}

// fork describes what happens between two positions.
func fork(ctx context.Context, a, b *Timeline, good, bad vmm.Position) (*Fork, error) {
	if _, err := equalAt(ctx, a, b, bad); err != nil {
		return nil, err
	}
	f := &Fork{Bad: a.Position(), Other: b.Position(), Differences: differences(a.Machine(), b.Machine())}
	if _, err := equalAt(ctx, a, b, good); err != nil {
		return nil, err
	}
	for i, t := range []*Timeline{a, b} {
		until := [2]vmm.Position{f.Bad, f.Other}[i]
		first := &f.Inputs[i]
		note := func(in vmm.Input) bool { // also one right here, which is no match
			if first.Inlet == "" {
				*first = vmm.Input{At: in.At, Inlet: in.Inlet, Data: slices.Clone(in.Data)}
			}
			return false
		}
		if _, err := t.Next(ctx, Query{Input: note, Until: &until}); !errors.Is(err, ErrNone) {
			return nil, err
		}
	}
	if _, err := equalAt(ctx, a, b, good); err != nil {
		return nil, err
	}
	m := a.Machine()
	f.Good, f.RIP = a.Position(), m.CPU.RIP
	var code [x86.MaxLen]byte
	la, mode := m.CPU.RIP, modeOf(m.CPU)
	if mode != x86.Mode64 {
		la += m.CPU.Seg[x86.CS].Base
	}
	n := cpu.Peek(m.CPU, m.Mem, la, code[:])
	if in, err := x86.Decode(code[:n], mode); err == nil {
		f.Instruction = in.String()
	}
	return f, nil
}

func modeOf(s *cpu.State) x86.Mode {
	switch attr := s.Seg[x86.CS].Attr; {
	case s.EFER&cpu.EFERLMA != 0 && attr&cpu.AttrL != 0:
		return x86.Mode64
	case attr&cpu.AttrD != 0:
		return x86.Mode32
	}
	return x86.Mode16
}

// bytesShown bounds the bytes of RAM among the differences.
const bytesShown = 16

// differences lists the first field of each section that differs, and bytes
// of RAM.
func differences(a, b *vmm.Machine) (d []Difference) {
	x, y := a.Save(), b.Save()
	for i := range x {
		if field, v, w, ok := tape.FieldDiff(x[i].Schema, x[i].Data, y[i].Data); ok {
			d = append(d, Difference{x[i].Name, field, v, w})
		}
	}
	shown := 0
	for at := 0; at < len(a.Mem.B) && shown < bytesShown; at += mem.PageBytes {
		p, q := a.Mem.B[at:at+mem.PageBytes], b.Mem.B[at:at+mem.PageBytes]
		if bytes.Equal(p, q) {
			continue
		}
		for i := range p {
			if p[i] != q[i] && shown < bytesShown {
				shown++
				d = append(d, Difference{"ram", fmt.Sprintf("%#x", at+i), fmt.Sprintf("%#02x", p[i]), fmt.Sprintf("%#02x", q[i])})
			}
		}
	}
	return d
}
