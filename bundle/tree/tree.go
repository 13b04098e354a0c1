package tree

import (
	"cmp"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"regexp"
	"slices"

	"vmrecord/bundle/recording"
	"vmrecord/vmm"
)

// What became of a recording.
const (
	Failed  = "failed"  // a failure was marked
	OK      = "ok"      // none was
	Live    = "live"    // it is being made
	Gone    = "gone"    // dropped, or its file is not where it was; its branches stay
	Damaged = "damaged" // it cannot be read, or too little of it is on disk
)

// A Node is a recording: a snapshot, what happened from there on, and what left
// it.
type Node struct {
	ID        string       `json:"id"`
	Name      string       `json:"name,omitzero"`
	Note      string       `json:"note,omitzero"`
	Path      string       `json:"path,omitzero"` // of the bundle's file or the recording's folder; none: dropped
	Parent    string       `json:"parent,omitzero"`
	Position  vmm.Position `json:"position"` // where it begins
	Seconds   float64      `json:"seconds"`  // there, of guest time since the tree's root began
	Length    float64      `json:"length"`   // of guest time, in seconds
	Outcome   string       `json:"outcome"`
	Failure   string       `json:"failure,omitzero"`
	Truncated bool         `json:"truncated,omitzero"`
	Own       int64        `json:"own"`    // bytes that only it takes
	Shared    int64        `json:"shared"` // bytes of chunks that other branches have too
	Children  []*Node      `json:"children"`

	entry string // its name on the shelf; none: it is elsewhere
	stub  stub
	end   vmm.Instant
	left  bool // its parent is known
}

// A Tree is a shelf of branches and what they left.
type Tree struct {
	dir   string
	nodes []*Node // the oldest first
}

// Open reads the tree on the shelf in dir; one that does not exist is empty.
// What a killed program left there is recovered.
func Open(dir string) (*Tree, error) {
	t := &Tree{dir: dir}
	entries, err := recording.Settle(dir)
	if err != nil && !errors.Is(err, os.ErrNotExist) {
		return nil, fmt.Errorf("branches: %w", err)
	}
	others, err := stubs(dir)
	if err != nil {
		return nil, fmt.Errorf("branches: %w", err)
	}
	for _, s := range others {
		t.nodes = append(t.nodes, elsewhereNode(s))
	}
	for _, e := range entries {
		t.nodes = append(t.nodes, shelved(dir, e))
	}
	t.link()
	return t, nil
}

// elsewhereNode is a recording that is not on the shelf.
func elsewhereNode(s stub) *Node {
	n := &Node{ID: s.ID, Name: s.Label.Name, Note: s.Label.Note, Path: s.File, Position: s.Start, Outcome: OK, Failure: s.Failure,
		Truncated: s.Truncated, Own: s.Bytes, stub: s, end: s.End.At}
	if s.Branch != nil {
		n.Parent = s.Branch.Parent
	}
	if s.Failure != "" {
		n.Outcome = Failed
	}
	if _, err := os.Stat(s.File); err != nil {
		n.Outcome, n.Own = Gone, 0
	}
	return n
}

// shelved is a branch on the shelf.
func shelved(dir string, e recording.Entry) *Node {
	n := &Node{ID: e.Name, Name: cmp.Or(e.Label.Name, e.Meta.Feature), Note: e.Label.Note, Path: filepath.Join(dir, e.Name),
		Position: e.Summary.Start, Outcome: OK, Failure: e.Summary.Failure, Truncated: e.Summary.Truncated, entry: e.Name, end: e.Summary.End.At}
	if b := e.Meta.Branch; b != nil {
		n.ID, n.Parent, n.Position = b.ID, b.Parent, b.At
		n.stub = stub{ID: b.ID, Branch: b}
	}
	switch {
	case e.Err != "" || e.Summary.Lost != "":
		n.Outcome, n.Failure = Damaged, cmp.Or(e.Err, e.Summary.Lost)
	case e.Open:
		n.Outcome, n.end = Live, n.Position.At
	case n.Failure != "":
		n.Outcome = Failed
	}
	n.stub.Feature, n.stub.Failure, n.stub.Truncated = e.Meta.Feature, e.Summary.Failure, e.Summary.Truncated
	n.stub.Start, n.stub.End, n.stub.Label = n.Position, e.Summary.End, recording.Label{Name: n.Name, Note: n.Note}
	return n
}

// link finds each node's parent, and counts guest time from each root.
func (t *Tree) link() {
	by := map[string]*Node{}
	for _, n := range t.nodes {
		n.Children = []*Node{}
		if old := by[n.ID]; old == nil || old.Outcome == Gone {
			by[n.ID] = n // on the shelf, it is what others left
		}
	}
	t.nodes = slices.DeleteFunc(t.nodes, func(n *Node) bool { return by[n.ID] != n })
	for _, n := range t.nodes {
		if p := by[n.Parent]; p != nil && !comesFrom(by, p, n) {
			p.Children, n.left = append(p.Children, n), true
		}
	}
	for _, n := range t.Roots() {
		hz := n.stub.Hz
		if hz == 0 {
			hz = vmm.DefaultHz
		}
		n.clock(n.Position.At, hz)
	}
}

// comesFrom tells whether a way up from p leads to n, or round: what a bundle says
// of its parent is its maker's word.
func comesFrom(by map[string]*Node, p, n *Node) bool {
	for range by {
		if p == nil || p == n {
			return p == n
		}
		p = by[p.Parent]
	}
	return true
}

// clock tells the times of a node and of what left it.
func (n *Node) clock(start vmm.Instant, hz uint64) {
	seconds := func(from, to vmm.Instant) float64 {
		return float64(vmm.MulDiv(uint64(max(to, from)-from), 1e6, hz)) / 1e6
	}
	n.Seconds, n.Length, n.stub.Hz = seconds(start, n.Position.At), seconds(n.Position.At, n.end), hz
	slices.SortStableFunc(n.Children, func(a, b *Node) int { return cmp.Compare(a.Position.At, b.Position.At) })
	for _, k := range n.Children {
		k.clock(start, hz)
	}
}

// Roots are the recordings that left none.
func (t *Tree) Roots() (roots []*Node) {
	for _, n := range t.nodes {
		if !n.left {
			roots = append(roots, n)
		}
	}
	return roots
}

// Root is the root of the tree that a node is in.
func (t *Tree) Root(n *Node) *Node {
	for range t.nodes { // no way up is longer
		for _, p := range t.nodes {
			if n.left && slices.Contains(p.Children, n) {
				n = p
				break
			}
		}
	}
	return n
}

// Weigh fills in the sizes of branches.
func (t *Tree) Weigh() error {
	if !slices.ContainsFunc(t.nodes, func(n *Node) bool { return n.entry != "" }) {
		return nil
	}
	w, err := recording.Weigh(t.dir)
	if err != nil {
		return fmt.Errorf("branches: %w", err)
	}
	for _, n := range t.nodes {
		if n.entry != "" {
			n.Own, n.Shared = w[n.entry].Own, w[n.entry].Shared
		}
	}
	return nil
}

// Find is the node of a name or id; nil if there is none.
func (t *Tree) Find(name string) *Node {
	for _, is := range []func(*Node) bool{
		func(n *Node) bool { return n.ID == name },
		func(n *Node) bool { return n.Name == name && n.Outcome != Gone },
	} {
		for _, n := range slices.Backward(t.nodes) {
			if is(n) {
				return n
			}
		}
	}
	return nil
}

// A NameError is a name that cannot be given.
type NameError struct{ Name, Why string }

func (e *NameError) Error() string { return fmt.Sprintf("name %q: %s", e.Name, e.Why) }

// Free tells whether a branch may be called that.
func (t *Tree) Free(name string) error {
	switch {
	case !regexp.MustCompile(`^[A-Za-z0-9_-]{1,40}$`).MatchString(name):
		return &NameError{name, "a name has up to 40 letters, digits, - and _"}
	case regexp.MustCompile(`^[RB]-.{4}-.{4}$`).MatchString(name):
		return &NameError{name, "it looks like an id"}
	case t.Find(name) != nil:
		return &NameError{name, "there is one of that name; choose another, or: vmbundle tree drop " + name}
	}
	return nil
}

// SetLabel names and annotates a node.
func (t *Tree) SetLabel(n *Node, l recording.Label) error {
	if l.Name != n.Name {
		if err := t.Free(l.Name); err != nil {
			return err
		}
	}
	if n.entry != "" {
		return recording.SetLabel(n.Path, l)
	}
	n.stub.Label = l
	return n.stub.save(t.dir)
}

// Drop removes a branch, or forgets a recording that is elsewhere, whose file
// stays. What left it stays, and so does all that this needs. A dropped one is
// remembered as long as something left it.
func (t *Tree) Drop(n *Node) (err error) {
	if n.entry != "" {
		s, err := recording.OpenShelf(t.dir, recording.Limits{})
		if err != nil {
			return err
		}
		if len(n.Children) > 0 {
			err = t.remember(n)
		}
		if err == nil {
			err = s.Drop(n.entry)
		}
		s.Sweep()
		if err := errors.Join(err, s.Close()); err != nil {
			return err
		}
	} else if err := t.remember(n); err != nil {
		return err
	}
	return t.prune()
}

// remember keeps a stub of a node that goes.
func (t *Tree) remember(n *Node) error {
	n.stub.File = ""
	return n.stub.save(t.dir)
}

// prune forgets what was dropped and nothing left.
func (t *Tree) prune() error {
	for {
		now, err := Open(t.dir)
		if err != nil {
			return err
		}
		bare := func(n *Node) bool { return n.entry == "" && n.Path == "" && len(n.Children) == 0 }
		i := slices.IndexFunc(now.nodes, bare)
		if i < 0 {
			return nil
		}
		if err := os.Remove(stubPath(t.dir, now.nodes[i].ID)); err != nil {
			return fmt.Errorf("forget recording %s: %w", now.nodes[i].ID, err)
		}
	}
}
