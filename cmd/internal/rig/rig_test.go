package rig

import (
	"context"
	"math"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"vmrecord/configs/cpio"
)

func TestParseStats(t *testing.T) {
	const text = "other words\nengine: 2000 instructions, 93.50 % translated\n" +
		"exits per million instructions: 1.5 for jumps, 2.0 for accesses, 3.0 for other instructions, 0.5 at deadlines\n  MOV 3.0\n"
	s, err := ParseStats(text)
	if want := (Stats{2000, 93.5, 1.5, 2, 3, 0.5}); err != nil || s != want || s.Exits() != 7 {
		t.Errorf("%+v, %v; want %+v", s, err, want)
	}
	for _, bad := range []string{"", "engine: the reference; nothing is translated\n", strings.Replace(text, "exits", "exit", 1), strings.Replace(text, "93.50", "x", 1)} {
		if s, err := ParseStats(bad); err == nil {
			t.Errorf("%q: %+v", bad, s)
		}
	}
}

func FuzzParseStats(f *testing.F) {
	f.Add("engine: 2000 instructions, 93.50 % translated\nexits per million instructions: 1 for jumps, 2 for accesses, 3 for other instructions, 4 at deadlines\n")
	f.Fuzz(func(t *testing.T, text string) {
		if s, err := ParseStats(text); err == nil && math.IsNaN(s.Translated) && !strings.Contains(strings.ToLower(text), "nan") {
			t.Errorf("%q: %+v", text, s)
		}
	})
}

// TestRun: output, status and memory of a program.
func TestRun(t *testing.T) {
	dir := t.TempDir()
	if err := os.WriteFile(filepath.Join(dir, "five"), []byte("12345"), 0o644); err != nil {
		t.Fatal(err)
	}
	// It goes on until a sample was taken, which is when the file appears.
	mark := filepath.Join(dir, "sampled")
	var said []Sample
	w := Watch{Every: time.Millisecond, Folder: dir, Say: func(s Sample) {
		said = append(said, s)
		if err := os.WriteFile(mark, nil, 0o644); err != nil {
			t.Error(err)
		}
	}}
	p, err := w.Run(context.Background(), "sh", "-c", "echo out; echo why >&2; while ! test -e "+mark+"; do :; done; exit 3")
	if p == nil || err == nil || !strings.Contains(err.Error(), "exit status 3: why") {
		t.Fatalf("%+v, %v", p, err)
	}
	if string(p.Out) != "out\n" || p.Err != "why\n" || p.MaxResident < 1<<12 || p.WallSeconds <= 0 {
		t.Errorf("%+v", p)
	}
	if len(said) == 0 || len(said) != len(p.Samples) || said[0].Disk != 5 || said[0].Resident <= 0 {
		t.Errorf("%+v, told %+v", p.Samples, said)
	}
	if _, err := (Watch{}).Run(context.Background(), filepath.Join(dir, "five")); err == nil {
		t.Error("a text was run")
	}
}

func TestTree(t *testing.T) {
	name := filepath.Join(t.TempDir(), "out")
	var tree Tree
	tree.Text("plan", "x")
	self, err := os.Executable()
	if err == nil {
		err = tree.File("bin/init", self)
	}
	if err == nil {
		err = tree.Write(name)
	}
	if err != nil {
		t.Fatal(err)
	}
	b, err := os.ReadFile(name)
	if err == nil {
		err = cpio.Check(b)
	}
	if err != nil || !strings.Contains(string(b), "bin/init\x00") || !strings.Contains(string(b), "dev/console\x00") {
		t.Errorf("%d bytes, %v", len(b), err)
	}
}

// TestToolchain: all that a build needs is there by name.
func TestToolchain(t *testing.T) {
	var tree Tree
	if err := tree.Toolchain("go", "errors"); err != nil {
		t.Fatal(err)
	}
	have := map[string]bool{}
	for _, f := range tree.files {
		have[f.Name] = true
	}
	for _, n := range []string{"bin/go", "pkg/tool/linux_amd64/compile", "pkg/include/textflag.h", "src/errors/errors.go", "src/runtime/asm_amd64.s", "src/runtime/cgo/abi_amd64.h"} {
		if !have["go/"+n] {
			t.Errorf("%s is missing", n)
		}
	}
	if have["go/src/errors/errors_test.go"] || have["go/src/fmt/print.go"] {
		t.Error("there is more than it takes")
	}
	if err := new(Tree).Toolchain("go", "vmrecord/vmm"); err == nil {
		t.Error("a package of ours is none of Go's own")
	}
}
