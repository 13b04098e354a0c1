package main

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path"
	"path/filepath"
	"strings"

	"vmrecord/cmd/internal/rig"
	"vmrecord/configs/cpio"
)

// named are the packages whose tests run unless others are asked for.
var named = []string{"math", "math/big", "strconv", "sync", "runtime", "crypto/..."}

// quick are those that a test of this repository runs.
var quick = []string{"math", "strconv", "sync", "crypto/aes", "crypto/sha256"}

// list is what the patterns mean: packages of the standard library with tests.
func list(patterns []string) ([]string, error) {
	out, err := rig.Go(append([]string{"list", "-f", "{{if and .Standard (or .TestGoFiles .XTestGoFiles)}}{{.ImportPath}}{{end}}", "--"}, patterns...)...)
	if err != nil {
		return nil, err
	}
	all := strings.Fields(out)
	if len(all) == 0 {
		return nil, fmt.Errorf("no package of the standard library with tests is called %s", strings.Join(patterns, ", "))
	}
	return all, nil
}

// A job is one line of the runner's plan.
type job struct {
	name string
	show bool   // all output is wanted
	dir  string // where it runs
	args []string
}

func (j job) line() string {
	kind := "test"
	if j.show {
		kind = "show"
	}
	return strings.Join(append([]string{j.name, kind, j.dir}, j.args...), "\t") + "\n"
}

// less are the instructions that Go uses where it finds them, and which our
// processor does not have: without them tests of each implementation of an
// algorithm are the same ones outside.
const less = "GODEBUG=cpu.avx=off,cpu.avx2=off,cpu.avx512f=off,cpu.avx512bw=off,cpu.avx512vl=off,cpu.bmi1=off,cpu.bmi2=off,cpu.fma=off,cpu.fsrm=off,cpu.vpclmulqdq=off"

// build makes the tree of files of which the runner is /init, in dir.
func build(dir string, jobs []job) error {
	if _, err := rig.Go("build", "-trimpath", "-o", filepath.Join(dir, "init"), "vmrecord/cmd/internal/guesttests/testdata/runner"); err != nil {
		return err
	}
	plan := ""
	for _, j := range jobs {
		plan += j.line()
	}
	return errors.Join(
		os.WriteFile(filepath.Join(dir, "plan"), []byte(plan), 0o644),
		os.WriteFile(filepath.Join(dir, "env"), []byte("HOME=/tmp TMPDIR=/tmp "+less), 0o644))
}

// tests builds the packages' tests below dir, each in its package's folder of GOROOT.
// flags are more flags for them.
func tests(dir string, packages, flags []string, logf func(string, ...any)) (jobs []job, err error) {
	goroot, err := rig.Go("env", "GOROOT")
	if err != nil {
		return nil, err
	}
	for _, p := range packages {
		logf("go test -c %s", p)
		at := path.Join(strings.TrimPrefix(goroot, "/"), "src", p)
		if err := copySource(filepath.Join(dir, at), filepath.Join(goroot, "src", p)); err != nil {
			return nil, err
		}
		if _, err := rig.Go("test", "-c", "-ldflags=-w", "-o", filepath.Join(dir, at, "pkg.test"), p); err != nil {
			return nil, err
		}
		args := append([]string{"./pkg.test", "-test.v", "-test.timeout=2h"}, flags...)
		jobs = append(jobs, job{name: p, dir: "/" + at, args: args})
	}
	return jobs, nil
}

// copySource copies what go test finds beside a package's test: its folder's
// files, and testdata.
func copySource(to, from string) error {
	if err := os.MkdirAll(to, 0o755); err != nil {
		return err
	}
	files, err := os.ReadDir(from)
	if err != nil {
		return err
	}
	for _, f := range files {
		name := filepath.Join(from, f.Name())
		switch {
		case f.Name() == "testdata":
			err = os.CopyFS(filepath.Join(to, "testdata"), os.DirFS(name))
		case f.Type().IsRegular():
			var b []byte
			if b, err = os.ReadFile(name); err == nil {
				err = os.WriteFile(filepath.Join(to, f.Name()), b, 0o644)
			}
		}
		if err != nil {
			return fmt.Errorf("copy %s: %w", name, err)
		}
	}
	return nil
}

// pack makes the initial ramdisk of a tree.
func pack(dir string) ([]byte, error) {
	files := []cpio.File{{Name: "dev/console", Mode: cpio.Char | 0o600, Major: 5, Minor: 1}}
	err := filepath.WalkDir(dir, func(name string, d fs.DirEntry, err error) error {
		if err != nil || d.IsDir() {
			return err
		}
		rel, err := filepath.Rel(dir, name)
		if err != nil {
			return err
		}
		b, err := os.ReadFile(name)
		if err != nil {
			return err
		}
		i, err := d.Info()
		if err != nil {
			return err
		}
		files = append(files, cpio.File{Name: filepath.ToSlash(rel), Mode: cpio.Regular | uint32(i.Mode().Perm()), Data: b})
		return nil
	})
	if err != nil {
		return nil, fmt.Errorf("pack %s: %w", dir, err)
	}
	return cpio.BuildInitramfs(files)
}
