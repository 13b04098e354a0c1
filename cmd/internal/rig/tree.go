package rig

import (
	"fmt"
	"os"
	"path"
	"path/filepath"
	"strings"

	"vmrecord/configs/cpio"
)

// A Tree is what a guest finds when its first process, /init, begins. Names
// have no leading slash.
type Tree struct{ files []cpio.File }

// Text adds a file.
func (t *Tree) Text(name, text string) {
	t.files = append(t.files, cpio.File{Name: name, Mode: cpio.Regular | 0o644, Data: []byte(text)})
}

// File adds a file of this computer, which may be run if it may here.
func (t *Tree) File(name, from string) error {
	b, err := os.ReadFile(from)
	if err != nil {
		return err
	}
	i, err := os.Stat(from)
	if err != nil {
		return err
	}
	t.files = append(t.files, cpio.File{Name: name, Mode: cpio.Regular | uint32(i.Mode().Perm()), Data: b})
	return nil
}

// Program builds a package and adds it.
func (t *Tree) Program(name, pkg string) error {
	dir, err := os.MkdirTemp("", "rig-")
	if err != nil {
		return err
	}
	defer os.RemoveAll(dir)
	out := filepath.Join(dir, "program")
	if _, err := Go("build", "-trimpath", "-o", out, pkg); err != nil {
		return err
	}
	return t.File(name, out)
}

// Toolchain adds the go command below the folder at, with what it needs to
// build the given package of its own, and no more.
func (t *Tree) Toolchain(at, pkg string) error {
	root, err := Go("env", "GOROOT")
	if err != nil {
		return err
	}
	list, err := Go("list", "-deps", "-f", "{{.Dir}}", "--", pkg)
	if err != nil {
		return err
	}
	tools := filepath.Join("pkg", "tool", "linux_amd64")
	names := []string{"VERSION", "go.env", "bin/go", "src/go.mod", "src/vendor/modules.txt", "src/cmd/go.mod", "src/cmd/vendor/modules.txt",
		filepath.Join(tools, "asm"), filepath.Join(tools, "compile"), filepath.Join(tools, "link")}
	included := filepath.Join(root, "pkg", "include") + "\n" + filepath.Join(root, "src", "runtime", "cgo") // by assembly
	for dir := range strings.Lines(included + "\n" + list) {
		rel, err := filepath.Rel(root, strings.TrimSpace(dir))
		if err != nil || !filepath.IsLocal(rel) {
			return fmt.Errorf("build %s in a guest: %s is not below %s", pkg, strings.TrimSpace(dir), root)
		}
		files, err := os.ReadDir(filepath.Join(root, rel))
		if err != nil {
			return err
		}
		for _, f := range files {
			if f.Type().IsRegular() && !strings.HasSuffix(f.Name(), "_test.go") {
				names = append(names, filepath.Join(rel, f.Name()))
			}
		}
	}
	for _, n := range names {
		if err := t.File(path.Join(at, filepath.ToSlash(n)), filepath.Join(root, n)); err != nil {
			return err
		}
	}
	return nil
}

// Write makes the initial ramdisk, a file.
func (t *Tree) Write(name string) error {
	console := cpio.File{Name: "dev/console", Mode: cpio.Char | 0o600, Major: 5, Minor: 1}
	b, err := cpio.BuildInitramfs(append(t.files, console))
	if err != nil {
		return err
	}
	return os.WriteFile(name, b, 0o644)
}
