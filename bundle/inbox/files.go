package inbox

import (
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"hash"
	"io"
	"os"
	"path/filepath"
	"strings"
	"syscall"

	"vmrecord/bundle/store"
)

// A scratch is a part being received: a file in tmp/, locked so that a starting
// receiver leaves it alone, with its digest growing along.
type scratch struct {
	f     *os.File
	sum   hash.Hash
	n     int64
	limit int64
	err   error // of our disk, as opposed to the message's
}

func (b *Inbox) newScratch() (*scratch, error) {
	f, err := os.CreateTemp(b.path("tmp"), "in-")
	if err != nil {
		return nil, err
	}
	if err := syscall.Flock(int(f.Fd()), syscall.LOCK_EX|syscall.LOCK_NB); err != nil {
		f.Close()
		os.Remove(f.Name())
		return nil, fmt.Errorf("lock %s: %w", f.Name(), err)
	}
	return &scratch{f: f, sum: sha256.New(), limit: b.opt.MaxMessageBytes}, nil
}

func (s *scratch) Write(p []byte) (int, error) {
	if s.n+int64(len(p)) > s.limit {
		return 0, errTooBig
	}
	n, err := s.f.Write(p)
	s.sum.Write(p[:n])
	s.n += int64(n)
	s.err = err
	return n, err
}

func (s *scratch) digest() string { return hex.EncodeToString(s.sum.Sum(nil)) }

// keep makes the bytes durable under path.
func (s *scratch) keep(path string) error {
	if err := s.f.Sync(); err != nil {
		return err
	}
	if err := os.Rename(s.f.Name(), path); err != nil {
		return err
	}
	if err := store.SyncDir(filepath.Dir(path)); err != nil {
		// It must not pass for one that is durable when it comes again.
		return errors.Join(err, os.Remove(path))
	}
	return nil
}

// discard ends the scratch; after keep there is nothing left to remove.
func (s *scratch) discard() {
	os.Remove(s.f.Name())
	s.f.Close()
}

// clearTmp removes what killed receivers left. The caller holds the inbox's lock,
// so that no report is being put together.
func (b *Inbox) clearTmp() error {
	es, err := os.ReadDir(b.path("tmp"))
	if err != nil {
		return err
	}
	for _, e := range es {
		path := b.path("tmp", e.Name())
		switch {
		case e.IsDir() && strings.HasPrefix(e.Name(), "new-"):
			err = os.RemoveAll(path)
		case e.Type().IsRegular() && strings.HasPrefix(e.Name(), "in-"):
			err = removeUnlocked(path)
		}
		if err != nil {
			return err
		}
	}
	return nil
}

func removeUnlocked(path string) error {
	f, err := os.Open(path)
	if errors.Is(err, os.ErrNotExist) {
		return nil
	}
	if err != nil {
		return err
	}
	defer f.Close()
	if syscall.Flock(int(f.Fd()), syscall.LOCK_EX|syscall.LOCK_NB) != nil {
		return nil
	}
	if err := os.Remove(path); !errors.Is(err, os.ErrNotExist) {
		return err
	}
	return nil
}

// lock takes the whole inbox, for a short while; the kernel gives it back if we die.
func (b *Inbox) lock() (unlock func(), err error) {
	f, err := os.OpenFile(b.path("lock"), os.O_RDWR|os.O_CREATE, 0o600)
	if err != nil {
		return nil, err
	}
	for {
		err = syscall.Flock(int(f.Fd()), syscall.LOCK_EX)
		if !errors.Is(err, syscall.EINTR) {
			break
		}
	}
	if err != nil {
		f.Close()
		return nil, fmt.Errorf("lock inbox: %w", err)
	}
	return func() { f.Close() }, nil
}

func writeJSON(path string, v any) error {
	data, err := json.MarshalIndent(v, "", "  ")
	if err != nil {
		return err
	}
	return store.Replace(path, append(data, '\n'))
}

// copyFrom writes the file at path to w, from the byte at skip on.
func copyFrom(w io.Writer, path string, skip int64) error {
	f, err := os.Open(path)
	if err != nil {
		return err
	}
	defer f.Close()
	if _, err := f.Seek(skip, io.SeekStart); err != nil {
		return err
	}
	_, err = io.Copy(w, f)
	return err
}

func full(err error) bool {
	return errors.Is(err, syscall.ENOSPC) || errors.Is(err, syscall.EDQUOT) || errors.Is(err, syscall.EFBIG)
}
