package checkpoints

import (
	"crypto/sha256"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"time"

	"github.com/google/renameio/v2"
	"github.com/klauspost/compress/zstd"

	"vmrecord/bundle/store"
	"vmrecord/vmm/timeline"
)

// A Folder is where files of checkpoints are. It may be used by several
// processes at once.
type Folder struct {
	Dir  string
	Most int64 // bytes of all files
	// Told, if set, is called now and then: how many bytes of how many were read
	// or, of 0, written.
	Told func(what string, done, total int64)
}

// A counter tells of the bytes that are written to it.
type counter struct {
	done int64
	told func(done int64)
}

func (c *counter) Write(p []byte) (int, error) {
	c.done += int64(len(p))
	c.told(c.done)
	return len(p), nil
}

func (f Folder) counter(what string, total int64) *counter {
	return &counter{told: func(done int64) {
		if f.Told != nil {
			f.Told(what, done, total)
		}
	}}
}

const (
	suffix    = ".ckpt"
	maxWindow = 64 << 20 // bytes that unpacking may take
)

func (f Folder) name(id [sha256.Size]byte) string {
	return filepath.Join(f.Dir, fmt.Sprintf("%x", id)+suffix)
}

// Load gives a timeline what is kept of a recording, if there is anything.
// Whatever is wrong with it, the timeline goes on without; the error says what,
// and the file is gone.
func (f Folder) Load(t *timeline.Timeline, uuid string) error {
	id := sha256.Sum256([]byte(uuid))
	in, err := os.Open(f.name(id))
	if errors.Is(err, fs.ErrNotExist) {
		return nil
	}
	if err != nil {
		return err
	}
	defer in.Close()
	i, err := in.Stat()
	if err != nil {
		return err
	}
	z, err := zstd.NewReader(io.TeeReader(in, f.counter("reading checkpoints", i.Size())), zstd.WithDecoderMaxWindow(maxWindow))
	if err != nil {
		return err
	}
	defer z.Close()
	if err := t.Load(z, id); err != nil {
		return errors.Join(err, os.Remove(in.Name()))
	}
	now := time.Now()
	return os.Chtimes(in.Name(), now, now)
}

// Has tells whether there is anything kept of a recording.
func (f Folder) Has(uuid string) bool {
	_, err := os.Stat(f.name(sha256.Sum256([]byte(uuid))))
	return err == nil
}

// Save keeps a timeline's checkpoints instead of what was kept of the recording.
func (f Folder) Save(t *timeline.Timeline, uuid string) error {
	if err := os.MkdirAll(f.Dir, 0o700); err != nil {
		return err
	}
	id := sha256.Sum256([]byte(uuid))
	out, err := renameio.NewPendingFile(f.name(id), renameio.WithTempDir(f.Dir), renameio.WithPermissions(0o600))
	if err != nil {
		return err
	}
	defer out.Cleanup()
	z, err := zstd.NewWriter(out, zstd.WithEncoderLevel(zstd.SpeedFastest))
	if err != nil {
		return err
	}
	if err := errors.Join(t.Save(io.MultiWriter(z, f.counter("keeping checkpoints", 0)), id), z.Close()); err != nil {
		return err
	}
	if err := out.CloseAtomicallyReplace(); err != nil {
		return err
	}
	store.ClearAbandoned(f.Dir, ".")
	return f.trim()
}

// trim removes what was used longest ago until the rest is small enough.
func (f Folder) trim() error {
	all, err := os.ReadDir(f.Dir)
	if err != nil {
		return err
	}
	var kept []fs.FileInfo
	for _, e := range all {
		if i, err := e.Info(); err == nil && i.Mode().IsRegular() && filepath.Ext(i.Name()) == suffix {
			kept = append(kept, i)
		}
	}
	slices.SortFunc(kept, func(a, b fs.FileInfo) int { return b.ModTime().Compare(a.ModTime()) })
	total := int64(0)
	for _, i := range kept {
		if total += i.Size(); total <= f.Most {
			continue
		}
		if err := os.Remove(filepath.Join(f.Dir, i.Name())); err != nil && !errors.Is(err, fs.ErrNotExist) {
			return err
		}
	}
	return nil
}
