package difftest

import (
	"errors"
	"fmt"
	"strings"

	"vmrecord/vmm"
	"vmrecord/vmm/cpu"
	"vmrecord/vmm/x86"
)

// A Config says what Run is to do.
type Config struct {
	Engine func() vmm.Engine
	Seed   uint64
	PerRow int                              // cases of each row
	Only   func(row uint16) bool            // rows to run; nil: all that can be
	Mutate func(c *Case, ours *Outcome)     // perturbs our side, to prove that it is noticed; nil: nothing
	Log    func(format string, args ...any) // told of each difference, at most perRowShown a row; nil: nobody
}

// perRowShown bounds the differences of one row that are printed.
const perRowShown = 3

// A RowStat is what came of one row.
type RowStat struct {
	Row    uint16
	Cases  int
	Faults int // cases that ended with an exception of their own
	Diffs  int
}

// A Report is what came of a run.
type Report struct {
	Rows  []RowStat
	Cases int
	Diffs int

	// Reference says that this computer's processor is one of those that our
	// choices follow: undefined flags were compared too, and there is no reason
	// for any difference.
	Reference bool
}

func (r RowStat) String() string {
	return fmt.Sprintf("%4d %-36s %6d cases %6d faults %4d differences", r.Row, x86.Table[r.Row].Text, r.Cases, r.Faults, r.Diffs)
}

// A tester is a run in progress.
type tester struct {
	Config
	native *Native
	ours   *Ours
	rows   []RowStat
	batch  []Case
	stat   []int // index in rows of each case of the batch

	reference bool
}

// Run compares the engine with this computer's processor, row by row.
func Run(c Config) (Report, error) {
	t := &tester{Config: c, ours: NewOurs(c.Engine())}
	var err error
	if t.native, err = StartNative(); err != nil {
		return Report{}, err
	}
	defer func() { t.native.Close() }()
	if t.reference, err = t.native.reference(); err != nil {
		return Report{}, err
	}
	for row := range uint16(len(x86.Table)) {
		if Excluded(row) != "" || c.Only != nil && !c.Only(row) {
			continue
		}
		t.rows = append(t.rows, RowStat{Row: row})
		if err := t.row(len(t.rows) - 1); err != nil {
			return Report{}, err
		}
	}
	if err := t.flush(); err != nil {
		return Report{}, err
	}
	r := Report{Rows: t.rows, Reference: t.reference}
	for _, s := range t.rows {
		r.Cases += s.Cases
		r.Diffs += s.Diffs
	}
	return r, nil
}

func (t *tester) row(k int) error {
	row := t.rows[k].Row
	for seq, n := 0, 0; n < t.PerRow && seq < 8*t.PerRow; seq++ {
		c, ok := Generate(t.Seed, row, seq, len(t.batch))
		if !ok || skip(&c) {
			continue
		}
		n++
		t.batch, t.stat = append(t.batch, c), append(t.stat, k)
		if len(t.batch) < slots {
			continue
		}
		if err := t.flush(); err != nil {
			return err
		}
	}
	return nil
}

// flush runs the batch on both sides at once and compares.
func (t *tester) flush() error {
	batch := t.batch
	if len(batch) == 0 {
		return nil
	}
	host, ours := make([]Outcome, len(batch)), make([]Outcome, len(batch))
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
	for i := range batch {
		t.judge(t.stat[i], &batch[i], &host[i], &ours[i])
	}
	if cleanHost != cleanOurs {
		t.diff(t.stat[0], fmt.Sprintf("rows %d to %d: a store outside the windows, host %v, ours %v\n",
			batch[0].Inst.Row, batch[len(batch)-1].Inst.Row, !cleanHost, !cleanOurs))
	}
	t.batch, t.stat = t.batch[:0], t.stat[:0]
	return nil
}

// runOurs runs the batch on our side. A case that the engine does not bring to
// an end is a difference; it ends with vector 255.
func (t *tester) runOurs(batch []Case, res []Outcome) (bool, error) {
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
			res[i] = Outcome{Vector: 255}
			t.ours = NewOurs(t.Engine())
		}
	}
	return true, nil
}

// findKiller runs the batch's cases one by one where the child did not survive.
func (t *tester) findKiller(err error) error {
	for i := range t.batch {
		t.native.Close()
		if t.native, err = StartNative(); err != nil {
			return err
		}
		if err = t.native.Begin(t.batch[i : i+1]); err != nil {
			return err
		}
		if _, err = t.native.End(make([]Outcome, 1)); err != nil {
			return fmt.Errorf("seed %d, case %d: %w\n%s", t.Seed, t.batch[i].Seq, err, t.batch[i].describe())
		}
	}
	return fmt.Errorf("seed %d: a batch from row %d on killed the child, none of its cases does alone", t.Seed, t.batch[0].Inst.Row)
}

func (t *tester) judge(k int, c *Case, host, ours *Outcome) {
	s := &t.rows[k]
	s.Cases++
	if host.Vector != cpu.BP && host.Vector != cpu.DB {
		s.Faults++
	}
	if ours.Vector == 255 {
		return
	}
	if t.Mutate != nil {
		t.Mutate(c, ours)
	}
	mask := uint64(x86.Table[c.Inst.Row].Undefined)
	if t.reference {
		mask = 0
	}
	forgive(c, host, ours)
	if d := Diff(c, host, ours, mask); d != "" {
		t.diff(k, fmt.Sprintf("seed %d, case %d:\n%s%s    host ends %s\n", t.Seed, c.Seq, c.describe(), d, host.ending()))
	}
}

// diff counts a difference and prints it.
func (t *tester) diff(k int, text string) {
	s := &t.rows[k]
	s.Diffs++
	if t.Log != nil && s.Diffs <= perRowShown {
		t.Log("%s", strings.TrimSuffix(text, "\n"))
	}
}
