package main

import (
	"debug/elf"
	"fmt"
	"os"
	"path/filepath"
	"slices"
)

// lookIn are the folders of a Debian amd64 host in which libraries are.
var lookIn = []string{"/lib/x86_64-linux-gnu", "/usr/lib/x86_64-linux-gnu", "/lib64", "/usr/lib64", "/lib", "/usr/lib"}

// install copies a program of the host into a tree, with its interpreter and
// the libraries that it and they need, each in its own place.
func install(dir, program string) error {
	todo := []string{program}
	for i := 0; i < len(todo); i++ {
		b, err := os.ReadFile(todo[i])
		if err != nil {
			return err
		}
		to := filepath.Join(dir, todo[i])
		if err := os.MkdirAll(filepath.Dir(to), 0o755); err != nil {
			return err
		}
		if err := os.WriteFile(to, b, 0o755); err != nil {
			return err
		}
		needs, err := needs(todo[i])
		if err != nil {
			return fmt.Errorf("read %s: %w", todo[i], err)
		}
		for _, n := range needs {
			if !slices.Contains(todo, n) {
				todo = append(todo, n)
			}
		}
	}
	return nil
}

// needs are the files that an ELF file names: PT_INTERP and DT_NEEDED.
func needs(name string) (paths []string, err error) {
	f, err := elf.Open(name)
	if err != nil {
		return nil, err
	}
	defer f.Close()
	for _, p := range f.Progs {
		if p.Type != elf.PT_INTERP || p.Filesz < 2 || p.Filesz > 4096 {
			continue
		}
		b := make([]byte, p.Filesz-1) // without its NUL
		if _, err := p.ReadAt(b, 0); err != nil {
			return nil, err
		}
		paths = append(paths, string(b))
	}
	libraries, err := f.ImportedLibraries()
	if err != nil {
		return nil, err
	}
	for _, l := range libraries {
		path, err := find(l)
		if err != nil {
			return nil, err
		}
		paths = append(paths, path)
	}
	return paths, nil
}

func find(library string) (string, error) {
	for _, d := range lookIn {
		path := filepath.Join(d, library)
		if _, err := os.Stat(path); err == nil {
			return path, nil
		}
	}
	return "", fmt.Errorf("%s is in none of %q", library, lookIn)
}
