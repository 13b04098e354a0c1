package timeline

import (
	"slices"
	"time"

	"vmrecord/vmm"
	"vmrecord/vmm/tape"
)

const (
	// A rung is this part of Options.Every from the next one at least. As usual
	// that is 65 536 instructions: about as long to run as a rung is to restore.
	rungPart = 2048
	maxRungs = 48

	// A lasting one is due too where the stretch before it took that long, which
	// is looked at so often in Options.Every.
	costly   = 250 * time.Millisecond
	dueLooks = 16
)

// A checkpoint is all that a machine and its player are at one position. It
// does not change once taken, but for rung.
type checkpoint struct {
	pos     vmm.Position
	retired uint64 // instructions since instant 0
	state   [][]byte
	place   tape.Place
	table   table
	text    []byte // of the console, as Timeline.Text has it
	rung    bool   // a temporary one, close to where somebody went
}

// bytes is what it costs besides its pages.
func (c *checkpoint) bytes() (n int64) {
	n = int64(8*len(c.table) + len(c.text) + 512)
	for _, s := range c.state {
		n += int64(len(s)) + 24
	}
	return n
}

func order(c *checkpoint, p vmm.Position) int { return c.pos.Compare(p) }

// latest is the last checkpoint for which ok holds, as it does for all before
// it; else the first one.
func (t *Timeline) latest(ok func(*checkpoint) bool) *checkpoint {
	for i := len(t.points) - 1; i > 0; i-- {
		if ok(t.points[i]) {
			return t.points[i]
		}
	}
	return t.points[0]
}

// take keeps a checkpoint of where the machine is.
func (t *Timeline) take(rung bool) {
	if !rung {
		defer t.mark()
	}
	i, have := slices.BinarySearchFunc(t.points, t.Position(), order)
	if have {
		t.points[i].rung = t.points[i].rung && rung
		return
	}
	c := t.here()
	c.rung = rung
	t.pages.hold(c.table)
	t.others += c.bytes()
	t.points = slices.Insert(t.points, i, c)
	if !rung && i > 0 {
		t.unsaved++
	}
	t.fit()
}

// here makes a checkpoint of where the machine is.
func (t *Timeline) here() *checkpoint {
	r, m := t.run, t.run.Machine
	tab := t.pages.capture(r.table, m.Mem, m.Mem.Changed(r.since).No)
	r.since = m.Mem.Mark()
	t.hold(tab)
	c := &checkpoint{pos: m.Position(), retired: m.Retired(), place: r.Player.Place(), table: tab, text: slices.Clip(last(r.text))}
	for _, s := range m.Save() {
		c.state = append(c.state, s.Data)
	}
	return c
}

// hold has the timeline's machine refer to a table instead of its old one.
func (t *Timeline) hold(tab table) {
	t.pages.hold(tab)
	if t.held != nil {
		t.pages.release(t.held)
	}
	t.run.table, t.held = tab, tab
}

// drop forgets checkpoints, but never the first.
func (t *Timeline) drop(which func(*checkpoint) bool) {
	kept := t.points[:1]
	for _, c := range t.points[1:] {
		if !which(c) {
			kept = append(kept, c)
			continue
		}
		t.pages.release(c.table)
		t.others -= c.bytes()
	}
	clear(t.points[len(kept):])
	t.points = kept
}

// Bytes is what the checkpoints take.
func (t *Timeline) Bytes() int64 { return t.pages.bytes + t.others }

// fit keeps to the budget: pages are packed, which costs time only where memory
// is short; rungs go first, the farthest from here before others; then every
// second of the lasting ones.
func (t *Timeline) fit() {
	for {
		far, rungs := t.farthestRung()
		switch over := t.Bytes() > t.o.Memory; {
		case over && t.pages.loose > t.o.Memory/8:
			t.pages.pack()
		case rungs > maxRungs || over && rungs > 0:
			t.drop(func(c *checkpoint) bool { return c == far })
		case over && len(t.points) > 1:
			t.every *= 2
			n := 0
			t.drop(func(*checkpoint) bool { n++; return n%2 == 1 })
		default:
			return
		}
	}
}

func (t *Timeline) farthestRung() (far *checkpoint, rungs int) {
	here, most := t.run.Machine.Retired(), uint64(0)
	for _, c := range t.points[1:] {
		if !c.rung {
			continue
		}
		rungs++
		if d := max(here, c.retired) - min(here, c.retired); far == nil || d > most {
			far, most = c, d
		}
	}
	return far, rungs
}

// grid is the next count of instructions at which a lasting checkpoint may be due.
func (t *Timeline) grid() uint64 {
	start, part := t.points[0].retired, t.every
	if t.o.Used != nil {
		part = max(1, part/dueLooks)
	}
	return start + ((t.run.Machine.Retired()-start)/part+1)*part
}

// due tells whether a lasting checkpoint is, at a count that grid gave.
func (t *Timeline) due() bool {
	if (t.run.Machine.Retired()-t.points[0].retired)%t.every == 0 {
		return true
	}
	const most = 1 << 30 // no timeline comes to that, but saved ones may say so
	longer := min(max(1, t.every/t.o.Every), most)
	return t.o.Used != nil && t.o.Used()-t.began >= costly*time.Duration(longer)
}

// mark notes what is used up to here.
func (t *Timeline) mark() {
	if t.o.Used != nil {
		t.began = t.o.Used()
	}
}
