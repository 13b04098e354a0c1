// Package sdk writes the recorder SDK into a vendor's own source tree, for Go,
// C and C++, the shell, or systemd. What it writes stands alone: the Go copy is a
// module of its own on the standard library, the C header is one file, the shell
// functions and the units call vmagent.
//
// The Go files under files/go are copies of packages recorder and wire with
// their import paths rewritten; `go test ./guestagent/sdk -update` makes them
// again, and the test fails while they differ from the originals.
package sdk

import (
	"embed"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path"
	"path/filepath"
	"sort"
	"strings"
)

// Module is the module path of the Go copy; its package is Module/recorder.
const Module = "vmrecordsdk"

//go:embed files
var files embed.FS

const goMod = "module " + Module + "\n\ngo 1.23\n"

// Languages are the values Write takes for lang.
func Languages() []string { return []string{"go", "c", "sh", "systemd"} }

// contents maps each file of lang, by its slash path below the target, to its
// text; nil for a language there is none of.
func contents(lang string) (map[string]string, error) {
	take := map[string]string{} // path in files: path written
	out := map[string]string{}
	switch lang {
	case "go":
		copies, err := fs.Glob(files, "files/go/*/*.txt")
		if err != nil {
			return nil, err
		}
		for _, f := range copies {
			take[f] = strings.TrimSuffix(strings.TrimPrefix(f, "files/go/"), ".txt")
		}
		take["files/example.go.txt"] = "example/main.go"
		take["files/README.go.md"] = "README.md"
		out["go.mod"] = goMod
	case "c":
		take["files/vmrecord.h"] = "vmrecord.h"
		take["files/example.c"] = "example.c"
	case "sh":
		take["files/vmrecord.sh"] = "vmrecord.sh"
		take["files/example.sh"] = "example.sh"
	case "systemd":
		take["files/vmrecord.service"] = "vmrecord.service"
		take["files/vmrecord-fail@.service"] = "vmrecord-fail@.service"
		take["files/example.service"] = "example.service"
	default:
		return nil, fmt.Errorf("no SDK for %q: choose one of %s", lang, strings.Join(Languages(), ", "))
	}
	for from, to := range take {
		b, err := files.ReadFile(from)
		if err != nil {
			return nil, err
		}
		out[to] = string(b)
	}
	return out, nil
}

// Write writes the SDK for lang below dir, which is made if need be, and returns
// the paths written, sorted. Unless force is given nothing is written when one of
// the files exists.
func Write(lang, dir string, force bool) ([]string, error) {
	texts, err := contents(lang)
	if err != nil {
		return nil, err
	}
	var names []string
	for name := range texts {
		names = append(names, name)
	}
	sort.Strings(names)
	for _, name := range names {
		p := filepath.Join(dir, filepath.FromSlash(name))
		if _, err := os.Lstat(p); err == nil && !force {
			return nil, fmt.Errorf("%s exists; choose an empty folder, or write over it with --force", p)
		} else if err != nil && !errors.Is(err, fs.ErrNotExist) {
			return nil, err
		}
	}
	var written []string
	for _, name := range names {
		p := filepath.Join(dir, filepath.FromSlash(name))
		if err := os.MkdirAll(filepath.Join(dir, filepath.FromSlash(path.Dir(name))), 0o755); err != nil {
			return written, err
		}
		if err := os.WriteFile(p, []byte(texts[name]), 0o644); err != nil {
			return written, err
		}
		written = append(written, p)
	}
	return written, nil
}
