package base

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"vmrecord/bundle/store"
)

// Ext is the extension of a base's file.
const Ext = ".vmg"

// A Folder is where bases are, each named by its id. The zero value has none. A base
// that is not in Dir is read where it lies in one of Also, such as an inbox's folder on
// a file server: its list of pages, and of these only what is asked for.
type Folder struct {
	Dir  string
	Also []string
}

// A MissingError is a base that is not in the folder (exit code 6).
type MissingError struct {
	Info
	Dir string // or several, where it was looked for; "" if there is none
}

func (e *MissingError) Error() string {
	return fmt.Sprintf("the base %.60q is missing in %s (a %.20s of %d pages, %.64s); get that file from whoever published it, then: vmbundle base add FILE",
		e.Name, e.Dir, e.Kind, e.Pages, e.ID)
}

// Path is where a base is if it is in the folder.
func (f Folder) Path(id string) string { return filepath.Join(f.Dir, id+Ext) }

// Open opens the base that i describes: a *MissingError, a *DamageError or the
// host's error.
func (f Folder) Open(i Info) (*Base, error) {
	if !goodID(i.ID) {
		return nil, bad("%.80q is not an id", i.ID)
	}
	if f.Dir == "" {
		return nil, &MissingError{i, f.Dir}
	}
	dirs := append([]string{f.Dir}, f.Also...)
	for _, dir := range dirs {
		path := Folder{Dir: dir}.Path(i.ID)
		b, err := Open(path)
		switch {
		case errors.Is(err, fs.ErrNotExist):
			continue
		case err != nil:
			return nil, err
		case b.ID != i.ID || b.Pages != i.Pages:
			return nil, errors.Join(bad("%s is another: %.16s of %d pages", path, b.ID, b.Pages), b.Close())
		}
		return b, nil
	}
	return nil, &MissingError{i, strings.Join(dirs, " and in ")}
}

// goodID tells whether an id can be one, and part of a file's name.
func goodID(id string) bool { return len(id) == 64 && strings.Trim(id, "0123456789abcdef") == "" }

// Add puts a base into the folder: the file of one, or the base of any other file.
// One that is there already is not written again.
func (f Folder) Add(name string) (Info, error) {
	if i, err := infoOf(name); err != nil || f.has(i) {
		return i, err
	}
	if err := os.MkdirAll(f.Dir, 0o700); err != nil {
		return Info{}, err
	}
	tmp, err := store.CreateTemp(f.Dir, ".base-")
	if err != nil {
		return Info{}, err
	}
	defer os.Remove(tmp.Name())
	defer tmp.Close()
	i, err := fill(tmp, name)
	if err != nil {
		return i, err
	}
	if f.has(i) {
		return i, nil
	}
	if err := errors.Join(tmp.Sync(), tmp.Close()); err != nil {
		return i, err
	}
	var d store.Disk
	return i, errors.Join(d.Rename(tmp.Name(), f.Path(i.ID)), d.SyncDir(f.Dir))
}

// Take adds files and opens the bases that they are, for who closes them.
func (f Folder) Take(names ...string) (all []*Base, err error) {
	for _, name := range names {
		i, err := f.Add(name)
		var b *Base
		if err == nil {
			b, err = f.Open(i)
		}
		if err != nil {
			CloseAll(all)
			return nil, err
		}
		all = append(all, b)
	}
	return all, nil
}

// CloseAll closes bases that were read only.
func CloseAll(all []*Base) {
	for _, b := range all {
		_ = b.Close()
	}
}

func (f Folder) has(i Info) bool {
	_, err := os.Stat(f.Path(i.ID))
	return err == nil
}

// fill copies a base, checked, or makes one.
func fill(w *os.File, name string) (Info, error) {
	if filepath.Ext(name) != Ext {
		return Make(w, name)
	}
	b, err := Open(name)
	if err != nil {
		return Info{}, err
	}
	defer b.Close()
	if err := b.Check(); err != nil {
		return Info{}, fmt.Errorf("%s: %w", name, err)
	}
	in, err := os.Open(name)
	if err != nil {
		return Info{}, err
	}
	defer in.Close()
	_, err = w.ReadFrom(in)
	return b.Info, err
}

// List tells what is in the folder, by name. A file that is no base is left out.
func (f Folder) List() ([]Info, error) {
	names, err := os.ReadDir(f.Dir)
	if errors.Is(err, fs.ErrNotExist) {
		return nil, nil
	}
	if err != nil {
		return nil, err
	}
	var all []Info
	for _, e := range names {
		id, ok := strings.CutSuffix(e.Name(), Ext)
		if !ok || !goodID(id) {
			continue
		}
		b, err := Open(filepath.Join(f.Dir, e.Name()))
		if err != nil {
			return nil, err
		}
		all = append(all, b.Info)
		if err := b.Close(); err != nil {
			return nil, err
		}
	}
	slices.SortFunc(all, func(x, y Info) int { return strings.Compare(x.Name+"\x00"+x.ID, y.Name+"\x00"+y.ID) })
	return all, nil
}
