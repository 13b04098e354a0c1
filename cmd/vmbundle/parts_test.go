package main

import (
	"bytes"
	"encoding/json"
	"fmt"
	"math/rand/v2"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
	"time"

	"vmrecord/bundle"
	"vmrecord/bundle/mail"
)

// A bundle in parts, which come in any order, some twice, each to a new process,
// is the bundle.
func TestPartsInAnyOrder(t *testing.T) {
	m := newMade(t)
	data, err := os.ReadFile(m.file)
	ok(t, err)
	b, err := bundle.Open(m.file)
	ok(t, err)
	about, err := mail.Describe(m.file, b.ID(), b.UUID())
	ok(t, err)
	ok(t, b.Close())
	s := mail.Split{Bundle: about, PartBytes: about.Size/5 + 1}
	dir, letters := filepath.Join(t.TempDir(), "in"), t.TempDir()
	var files []string
	for n := 1; n <= s.Parts(); n++ {
		text, err := s.Message(mail.Letter{From: "a@beta.example", To: "b@vendor.example", Date: time.Unix(1_790_000_000, 0)}, bytes.NewReader(data), n)
		ok(t, err)
		name := filepath.Join(letters, fmt.Sprintf("%d.eml", n))
		ok(t, os.WriteFile(name, text, 0o600))
		files = append(files, name)
	}
	if len(files) != 5 {
		t.Fatalf("%d parts", len(files))
	}
	const seed = 11
	rand.New(rand.NewPCG(seed, 0)).Shuffle(len(files), func(i, j int) { files[i], files[j] = files[j], files[i] })
	for i, f := range append(files[:3:3], append([]string{files[0]}, files[3:]...)...) {
		r := vmbundle(t, "", "ingest", "--dir", dir, "--json", f).want(t, 0)
		var doc ingestDocument
		ok(t, json.Unmarshal([]byte(r.out), &doc))
		if last := i == len(files); len(doc.Files) != 1 || doc.Files[0].Complete != last {
			t.Errorf("seed %d: message %d: %s", seed, i, r)
		}
		if i == 2 {
			vmbundle(t, "", "inbox", "list", "--dir", dir).want(t, 0, b.ID()+"  partial")
		}
	}
	r := vmbundle(t, "", "inbox", "list", "--dir", dir).want(t, 0, b.ID()+"  complete")
	whole := regexp.MustCompile(`\S+\.vmb`).FindString(r.out)
	got, err := os.ReadFile(whole)
	ok(t, err)
	if !bytes.Equal(got, data) {
		t.Error("what was put together is another file")
	}
	vmbundle(t, "", "replay", whole, "--quiet").want(t, 0, "identical: ")
}

// What is missing has the status of what is not there.
func TestJoinMissing(t *testing.T) {
	m, dir := newMade(t), t.TempDir()
	vmbundle(t, "", "split", m.file, dir, "--part-size", "5K").want(t, 0)
	files, err := filepath.Glob(filepath.Join(dir, "*.0001-of-*"))
	ok(t, err)
	r := vmbundle(t, "", "join", "--json", files[0]).want(t, 3, "parts are missing")
	var doc joinDocument
	ok(t, json.Unmarshal([]byte(r.out), &doc))
	if len(doc.Bundles) != 1 || !strings.HasPrefix(doc.Bundles[0].Need, "2-") || doc.Bundles[0].File != "" {
		t.Errorf("%+v", doc)
	}
	vmbundle(t, "", "split", filepath.Join(dir, "x.vmb")).want(t, 3)
	vmbundle(t, "", "split", files[0]).want(t, 5)
	vmbundle(t, "", "split", m.file, "--part-size", "1G").want(t, 2)
}
