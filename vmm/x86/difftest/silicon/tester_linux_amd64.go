package silicon

import (
	"errors"
	"fmt"
	"strings"

	"vmrecord/vmm"
	"vmrecord/vmm/cpu"
	"vmrecord/vmm/x86"
)

// A Config says what a Tester is to do.
type Config struct {
	Engine func() vmm.Engine
	Seed   uint64
	Only   func(Unit) bool                  // units to run; nil: all that can be
	Mutate func(c *Case, ours *Outcome)     // perturbs our side, to prove that it is noticed; nil: nothing
	Log    func(format string, args ...any) // told of each difference, at most perUnitShown a unit; nil: nobody
}

// perUnitShown bounds the differences of one unit that are printed.
const perUnitShown = 2

// A Stat is what came of one unit so far.
type Stat struct {
	Unit
	Next   int    // number of the case to go on with
	Cases  int    // that were run
	Faults uint32 // the exceptions met on the host: bit n is vector n, and those of aim.go
	Diffs  int    // without explanation
}

// A Tester compares an engine with this computer's processor, unit by unit.
type Tester struct {
	Config
	Stats []Stat

	// Explained counts the differences by index in Explanations.
	Explained []int

	// Reference says that this computer's processor is one of those that our
	// choices follow: undefined flags are compared too, and there is no reason
	// for any difference.
	Reference bool

	// Compat says that cases in compatibility mode can be run: the kernel has
	// modify_ldt. Else Stats has only units of 64-bit mode.
	Compat bool

	at     int // unit that the next round begins with
	turn   int // the slots move on by one each batch, so that each unit has those in two pages now and then
	edge   int // the next one in this batch
	native *Native
	ours   *Ours
	batch  []Case
	stat   []int // index in Stats of each case of the batch
	stores bool  // an explained difference of the batch may be outside the windows
	host   [slots]Outcome
	our    [slots]Outcome
}

// New starts the child and the engine.
func New(c Config) (*Tester, error) {
	t := &Tester{Config: c, ours: NewOurs(c.Engine()), Explained: make([]int, len(Explanations))}
	var err error
	if t.native, err = StartNative(); err != nil {
		return nil, err
	}
	t.Compat = t.native.Compat()
	if t.Reference, err = t.native.reference(); err != nil {
		t.Close()
		return nil, err
	}
	for _, u := range Units() {
		if t.runs(u) && (c.Only == nil || c.Only(u)) {
			t.Stats = append(t.Stats, Stat{Unit: u})
		}
	}
	return t, nil
}

// runs tells whether this computer can run a unit.
func (t *Tester) runs(u Unit) bool {
	switch sem := x86.Table[u.Row].Sem; {
	case u.Mode != x86.Mode64 && !t.Compat, oneOf(sem, bases) && !t.native.hasBases:
		return false
	case sem == x86.SemSysenter: // on Intel's processors a system call
		return t.Reference
	}
	return true
}

// Close ends the child.
func (t *Tester) Close() { t.native.Close() }

// Round runs n cases of every unit, or ends before where stop, asked after each
// batch, says so; the next round goes on there.
func (t *Tester) Round(n int, stop func() bool) error {
	for range t.Stats {
		full, err := t.unit(t.at, n)
		if err != nil {
			return err
		}
		t.at = (t.at + 1) % len(t.Stats)
		if full && stop != nil && stop() {
			break
		}
	}
	return t.flush()
}

// unit runs n cases of unit k; full tells that a batch was ended meanwhile.
func (t *Tester) unit(k, n int) (full bool, err error) {
	s := &t.Stats[k]
	for tries := 8*n + 64; n > 0 && tries > 0; tries-- {
		c, ok := Generate(t.Seed, s.Unit, s.Next, Place{(len(t.batch) + t.turn) % slots, t.edge})
		s.Next++
		if !ok || t.native.skip(&c) {
			continue
		}
		n--
		if atBrink(c.Seq) {
			t.edge++
		}
		t.batch, t.stat = append(t.batch, c), append(t.stat, k)
		if len(t.batch) < slots && t.edge < edges {
			continue
		}
		full = true
		if err := t.flush(); err != nil {
			return full, err
		}
	}
	return full, nil
}

// flush runs the batch on both sides at once and compares.
func (t *Tester) flush() error {
	batch := t.batch
	if len(batch) == 0 {
		return nil
	}
	host, ours := t.host[:len(batch)], t.our[:len(batch)]
	if err := t.native.Begin(batch); err != nil {
		return err
	}
	cleanOurs, err := t.runOurs(batch, ours)
	if err != nil {
		return err
	}
	cleanHost, err := t.native.End(host)
	if err != nil {
		return t.findKiller(err)
	}
	t.stores = false
	t.turn, t.edge = t.turn+1, 0
	for i := range batch {
		d := t.judge(t.stat[i], &batch[i], &host[i], &ours[i])
		if d != "" && !(cleanHost && cleanOurs) {
			if _, _, err = t.alone(i); err != nil {
				return err
			}
			d = t.compare(&batch[i], &host[i], &ours[i])
		}
		if d != "" {
			t.diff(t.stat[i], d)
		}
	}
	if cleanHost != cleanOurs && !t.stores {
		if err := t.findStray(); err != nil {
			return err
		}
	}
	t.batch, t.stat = t.batch[:0], t.stat[:0]
	return nil
}

// unfinished is the vector of a case that the engine did not bring to an end.
const unfinished = 255

// runOurs runs the batch on our side. A case that the engine does not bring to an end
// is a difference.
func (t *Tester) runOurs(batch []Case, res []Outcome) (bool, error) {
	clean, err := t.ours.Run(batch, res)
	var e *EngineError
	if !errors.As(err, &e) {
		return clean, err
	}
	for i := range batch {
		if _, err := t.ours.Run(batch[i:i+1], res[i:i+1]); err == nil {
			continue
		} else if errors.As(err, &e) {
			t.diff(t.stat[i], err.Error()+"\n"+batch[i].describe())
			res[i] = Outcome{Vector: unfinished}
			t.ours = NewOurs(t.Engine())
		}
	}
	return true, nil
}

// findKiller runs the batch's cases one by one where the child did not survive.
// The one at which it dies is a difference; the batch is dropped.
func (t *Tester) findKiller(err error) error {
	defer func() { t.batch, t.stat, t.edge = t.batch[:0], t.stat[:0], 0 }()
	for i := range t.batch {
		t.native.Close()
		if t.native, err = StartNative(); err != nil {
			return err
		}
		if err = t.native.Begin(t.batch[i : i+1]); err != nil {
			return err
		}
		if _, err = t.native.End(t.host[:1]); err != nil {
			t.diff(t.stat[i], fmt.Sprintf("seed %d, case %d: %v\n%s", t.Seed, t.batch[i].Seq, err, t.batch[i].describe()))
			t.native.Close()
			t.native, err = StartNative()
			return err
		}
	}
	return fmt.Errorf("seed %d: a batch from row %d on killed the child, none of its cases does alone", t.Seed, t.batch[0].Inst.Row)
}

// traps are the exceptions that are told behind the instruction.
const traps = 1<<cpu.DB | 1<<cpu.BP | 1<<cpu.OF

// judge counts a case and tells what cannot be explained of it.
func (t *Tester) judge(k int, c *Case, host, ours *Outcome) string {
	s := &t.Stats[k]
	s.Cases++
	if host.RIP == c.RIP || traps>>host.Vector&1 != 0 { // and not the next instruction's
		s.Faults |= 1 << c.fault(host)
	}
	if ours.Vector == unfinished {
		return ""
	}
	return t.compare(c, host, ours)
}

// alone runs case i of the batch again where stores of the others outside the
// windows, which it may have read, are undone: an FXSAVE's mask of MXCSR, say.
func (t *Tester) alone(i int) (cleanHost, cleanOurs bool, err error) {
	if err = t.native.Begin(t.batch[i : i+1]); err != nil {
		return
	}
	if cleanOurs, err = t.ours.Run(t.batch[i:i+1], t.our[i:i+1]); err != nil {
		return
	}
	cleanHost, err = t.native.End(t.host[i : i+1])
	return
}

// findStray looks for the cases of the batch that stored outside the windows on
// one side only. What explains such a store in a window explains it there too.
func (t *Tester) findStray() error {
	for i := range t.batch {
		cleanHost, cleanOurs, err := t.alone(i)
		if err != nil {
			return err
		}
		c, host, ours := &t.batch[i], &t.host[i], &t.our[i]
		if cleanHost == cleanOurs {
			continue
		}
		for k := range Explanations {
			if ours.Win[0] = host.Win[0] ^ 1; Explanations[k].stores {
				Explanations[k].apply(c, host, ours)
			}
			if ours.Win[0] == host.Win[0] {
				t.Explained[k]++
				break
			}
		}
		if ours.Win[0] != host.Win[0] {
			t.diff(t.stat[i], fmt.Sprintf("seed %d, case %d:\n%s    a store outside the windows, host %v, ours %v\n", t.Seed, c.Seq, c.describe(), !cleanHost, !cleanOurs))
		}
	}
	return nil
}

// compare tells the differences that remain when all is explained that can be.
func (t *Tester) compare(c *Case, host, ours *Outcome) string {
	if !t.native.hasBases {
		ours.Base = host.Base
	}
	if t.Mutate != nil {
		t.Mutate(c, ours)
	}
	mask := uint64(x86.Table[c.Inst.Row].Undefined)
	if t.Reference {
		mask = 0
	}
	d := Diff(c, host, ours, mask)
	for i := 0; d != "" && i < len(Explanations); i++ {
		Explanations[i].apply(c, host, ours)
		now := Diff(c, host, ours, mask)
		if now != d {
			t.Explained[i]++
			t.stores = t.stores || Explanations[i].stores
		}
		d = now
	}
	if d != "" {
		d = fmt.Sprintf("seed %d, case %d:\n%s%s    host ends %s\n", t.Seed, c.Seq, c.describe(), d, host.ending())
	}
	return d
}

// diff counts a difference and prints it.
func (t *Tester) diff(k int, text string) {
	s := &t.Stats[k]
	s.Diffs++
	if t.Log != nil && s.Diffs <= perUnitShown {
		t.Log("%s", strings.TrimSuffix(text, "\n"))
	}
}
