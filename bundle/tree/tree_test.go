package tree

import (
	"bytes"
	"encoding/xml"
	"errors"
	"io"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"vmrecord/bundle/recording"
	"vmrecord/vmm"
	"vmrecord/vmm/tape/tapetest"
)

// branch records a branch of a parent on the shelf in dir, at an instant.
func branch(t *testing.T, dir, id, parent string, at vmm.Instant) {
	t.Helper()
	s, err := recording.OpenShelf(dir, recording.Limits{})
	if err != nil {
		t.Fatal(err)
	}
	m := tapetest.New(20)
	m.Door = tapetest.NewLive(1)
	m.Run(at)
	rec, err := s.Start(m, recording.Options{Period: 500, Meta: recording.Meta{Feature: "called-" + id, Machine: "toy",
		Branch: &recording.Branch{ID: id, Parent: parent, At: m.Position()}}})
	if err != nil {
		t.Fatal(err)
	}
	for end := m.Now() + 2000; m.Now() < end; rec.Slice() {
		if m.Run(end) == vmm.Beat {
			rec.Beat()
		}
	}
	if _, err := rec.Stop(true, ""); err != nil || s.Close() != nil {
		t.Fatal(err)
	}
}

// outline is trees in a line.
func outline(nodes []*Node) string {
	var all []string
	for _, n := range nodes {
		s := n.ID + " " + n.Outcome
		if len(n.Children) > 0 {
			s += " (" + outline(n.Children) + ")"
		}
		all = append(all, s)
	}
	return strings.Join(all, ", ")
}

func TestTree(t *testing.T) {
	dir := filepath.Join(t.TempDir(), "branches")
	want := func(what, want string) *Tree {
		t.Helper()
		tr, err := Open(dir)
		if err != nil {
			t.Fatal(err)
		}
		if got := outline(tr.Roots()); got != want {
			t.Errorf("%s: %s, want %s", what, got, want)
		}
		return tr
	}
	drop := func(id string) {
		t.Helper()
		tr, err := Open(dir)
		if err == nil {
			err = tr.Drop(tr.Find(id))
		}
		if err != nil {
			t.Fatal(err)
		}
	}
	want("no folder", "")
	if err := (stub{ID: "R-1", File: dir, Hz: 1000, Start: vmm.Position{At: 500}, End: vmm.Position{At: 5000}}).save(dir); err != nil {
		t.Fatal(err)
	}
	branch(t, dir, "B-1", "R-1", 1000)
	branch(t, dir, "B-2", "B-1", 3000)
	branch(t, dir, "B-3", "R-1", 800)
	branch(t, dir, "B-4", "R-9", 800)
	tr := want("all", "R-1 ok (B-3 ok, B-1 ok (B-2 ok)), B-4 ok")
	b2 := tr.Find("called-B-2")
	if b2.Seconds < 2.5 || b2.Seconds > 2.6 || b2.Length < 2 || tr.Root(b2) != tr.Find("R-1") || tr.Find("nothing") != nil {
		t.Errorf("%+v", b2)
	}
	for name, why := range map[string]string{"": "letters", "a b": "letters", "../x": "letters", strings.Repeat("x", 41): "letters",
		"R-ABCD-EFGH": "an id", "called-B-2": "there is one", "B-1": "there is one", "fine_1-x": ""} {
		err := tr.Free(name)
		if n := (*NameError)(nil); (err == nil) != (why == "") || err != nil && (!errors.As(err, &n) || !strings.Contains(err.Error(), why)) {
			t.Errorf("%q: %v", name, err)
		}
	}
	for _, id := range []string{"R-1", "B-2"} {
		if err := tr.SetLabel(tr.Find(id), recording.Label{Name: "new" + id[2:], Note: "<&\x1b\x00>"}); err != nil {
			t.Error(err)
		}
	}
	tr = want("named", "R-1 ok (B-3 ok, B-1 ok (B-2 ok)), B-4 ok")
	if tr.Find("new1").ID != "R-1" || tr.Find("new2").ID != "B-2" || tr.Find("called-B-2") != nil || tr.Weigh() != nil || tr.Find("B-2").Own == 0 {
		t.Errorf("%+v, %+v", tr.Find("new1"), tr.Find("new2"))
	}
	var svg bytes.Buffer
	if err := SVG(&svg, tr.Roots(), func(int64) string { return "" }); err != nil {
		t.Error(err)
	}
	d := xml.NewDecoder(&svg)
	for {
		if _, err := d.Token(); err == io.EOF {
			break
		} else if err != nil {
			t.Fatal(err)
		}
	}

	drop("B-1")
	want("its parent dropped", "R-1 ok (B-3 ok, B-1 gone (B-2 ok)), B-4 ok")
	drop("R-1")
	want("the root forgotten", "R-1 gone (B-3 ok, B-1 gone (B-2 ok)), B-4 ok")
	drop("B-2")
	want("nothing left B-1 any more", "R-1 gone (B-3 ok), B-4 ok")
	drop("B-3")
	want("nor R-1", "B-4 ok")
	if err := os.WriteFile(filepath.Join(dir, "000004", "recording.json"), []byte("{"), 0o600); err != nil {
		t.Fatal(err)
	}
	want("damaged", "000004 damaged")
	drop("000004")
	want("dropped, too", "")
}

// A stub is untrusted: whatever stands in it, it names no other file.
func TestStubsOfOthers(t *testing.T) {
	dir := t.TempDir()
	if err := (stub{ID: "../R-1"}).save(dir); err == nil {
		t.Error("an id that leaves the folder is saved")
	}
	if err := (stub{ID: "R-1"}).save(dir); err != nil {
		t.Fatal(err)
	}
	for _, c := range []struct{ name, text string }{
		{"R-2.json", `{"format":"vmrecord.stub/1","id":"R-1"}`},
		{"R-3.json", `{"format":"vmrecord.stub/2","id":"R-3"}`},
		{"R-4.json", `[`},
		{"R-5", `{"format":"vmrecord.stub/1","id":"R-5"}`},
	} {
		if err := os.WriteFile(filepath.Join(dir, elsewhere, c.name), []byte(c.text), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	if all, err := stubs(dir); err != nil || len(all) != 1 || all[0].ID != "R-1" {
		t.Errorf("%+v, %v", all, err)
	}
}

// Stubs that name each other as parents are roots.
func TestParentsInACircle(t *testing.T) {
	dir := t.TempDir()
	for id, parent := range map[string]string{"R-1": "R-2", "R-2": "R-3", "R-3": "R-1", "R-4": "R-1"} {
		if err := (stub{ID: id, Branch: &recording.Branch{ID: id, Parent: parent}}).save(dir); err != nil {
			t.Fatal(err)
		}
	}
	tr, err := Open(dir)
	if err != nil {
		t.Fatal(err)
	}
	if got := outline(tr.Roots()); got != "R-1 gone, R-2 gone, R-3 gone, R-4 gone" {
		t.Error(got)
	}
}

func FuzzStub(f *testing.F) {
	f.Add([]byte(`{"format":"vmrecord.stub/1","id":"R-1","hz":0,"start":{"At":9},"end":{"At":1}}`))
	f.Add([]byte(`{"format":"vmrecord.stub/1","id":"R-1","branch":{"id":"R-1","parent":"R-1"}}`))
	f.Fuzz(func(t *testing.T, b []byte) {
		dir := t.TempDir()
		if err := os.Mkdir(filepath.Join(dir, elsewhere), 0o700); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(stubPath(dir, "R-1"), b, 0o600); err != nil {
			t.Fatal(err)
		}
		tr, err := Open(dir)
		if err != nil {
			t.Fatal(err)
		}
		for _, n := range tr.Roots() {
			if tr.Root(n) != n || SVG(io.Discard, tr.Roots(), func(int64) string { return "" }) != nil {
				t.Fatalf("%+v", n)
			}
		}
	})
}
