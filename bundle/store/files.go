package store

import (
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"time"

	"github.com/google/renameio/v2"
)

// Files is how recordings reach the host's disk for writing: the place where a
// test makes it fail.
type Files interface {
	// Create opens a new file for writing; it must not exist.
	Create(name string) (File, error)
	Rename(from, to string) error
	// SyncDir makes the names in a directory durable.
	SyncDir(name string) error
}

// A File is written from front to back.
type File interface {
	io.WriteCloser
	Sync() error // what was written is durable
}

// Disk is the host's disk.
type Disk struct{}

// Create creates a file that only its owner may read.
func (Disk) Create(name string) (File, error) {
	return os.OpenFile(name, os.O_WRONLY|os.O_CREATE|os.O_EXCL, 0o600)
}

// Rename replaces to, if it exists.
func (Disk) Rename(from, to string) error { return os.Rename(from, to) }

// SyncDir syncs a directory.
func (Disk) SyncDir(name string) error { return SyncDir(name) }

// SyncDir makes the names in a directory durable.
func SyncDir(name string) error {
	d, err := os.Open(name)
	if err != nil {
		return err
	}
	if err := d.Sync(); err != nil {
		d.Close()
		return fmt.Errorf("sync %s: %w", name, err)
	}
	return d.Close()
}

// abandoned is after how long nobody writes to a file any more that is not finished.
const abandoned = time.Hour

// CreateTemp is os.CreateTemp for a file that gets another name when it is whole. What
// killed programs left of such files in the folder is removed.
func CreateTemp(dir, prefix string) (*os.File, error) {
	ClearAbandoned(dir, prefix)
	return os.CreateTemp(dir, prefix)
}

// ClearAbandoned removes the files whose names begin with prefix and to which nobody
// wrote for an hour. What cannot be removed stays.
func ClearAbandoned(dir, prefix string) {
	all, err := os.ReadDir(dir)
	if err != nil {
		return
	}
	for _, e := range all {
		if !strings.HasPrefix(e.Name(), prefix) || !e.Type().IsRegular() {
			continue
		}
		if i, err := e.Info(); err == nil && time.Since(i.ModTime()) > abandoned {
			_ = os.Remove(filepath.Join(dir, e.Name()))
		}
	}
}

// A Missing is fs.ErrNotExist, in words that say where what was looked for is not.
type Missing string

func (m Missing) Error() string { return string(m) }

// Is makes it fs.ErrNotExist to errors.Is.
func (m Missing) Is(err error) bool { return err == fs.ErrNotExist }

// Replace makes data the content of a small file that only its owner may read. It is
// durable on return; killed before that, the file is the old one or the new.
func Replace(name string, data []byte) error {
	dir := filepath.Dir(name)
	if err := renameio.WriteFile(name, data, 0o600, renameio.WithTempDir(dir), renameio.IgnoreUmask()); err != nil {
		return err
	}
	return SyncDir(dir)
}
