package recording

import (
	"cmp"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"strings"

	"vmrecord/bundle/store"
	"vmrecord/vmm/tape"
)

// ringDirs lists the epochs of a ring on a shelf, oldest first.
func ringDirs(dir string) (dirs []string, err error) {
	names, err := os.ReadDir(dir) // by name
	if err != nil {
		return nil, err
	}
	for _, e := range names {
		if _, ext, ok := number(e.Name()); ok && ext == ringExt {
			dirs = append(dirs, filepath.Join(dir, e.Name()))
		}
	}
	return dirs, nil
}

// An account is what is said of a joined recording and does not stand in its epochs.
type account struct {
	why         string
	cause       string            // of a truncation; empty: the one that the tape tells of
	facts       map[string]string // at its end; nil: those where the last epoch began
	first, last string            // on the console
}

// join makes one recording of epochs that follow each other. It is named after
// the last, and there as a whole, durable, or not at all.
func (s *Shelf) join(dirs []string, j *tape.Joint, a account) (sum Summary, err error) {
	name := strings.TrimSuffix(filepath.Base(dirs[len(dirs)-1]), ringExt)
	tmp := s.Dir(name) + saveExt
	defer func() {
		if err != nil {
			err = errors.Join(fmt.Errorf("save recording: %w", err), os.RemoveAll(tmp))
		}
	}()
	if err := os.RemoveAll(tmp); err != nil {
		return sum, err
	}
	if err := os.MkdirAll(filepath.Join(tmp, tapeDir), 0o700); err != nil {
		return sum, err
	}
	meta, err := readMeta(dirs[0])
	if err != nil {
		return sum, err
	}
	if meta.Facts = a.facts; meta.Facts == nil {
		if last, err := readMeta(dirs[len(dirs)-1]); err == nil { // it is not needed otherwise
			meta.Facts = last.Facts
		}
	}
	if err := saveMeta(s.files, tmp, meta); err != nil {
		return sum, err
	}
	for _, f := range [...]string{sectionFile, pageFile} {
		b, err := os.ReadFile(filepath.Join(dirs[0], f))
		if err == nil {
			err = save(s.files, filepath.Join(tmp, f), b)
		}
		if err != nil {
			return sum, err
		}
	}
	if err := s.joinTapes(filepath.Join(tmp, tapeDir), dirs, j); err != nil {
		return sum, err
	}
	if err := s.files.SyncDir(tmp); err != nil {
		return sum, err
	}
	if sum, err = summarize(tmp); err != nil {
		return sum, err
	}
	sum.Name, sum.Bytes, sum.First, sum.Last = name, measure(tmp), a.first, a.last
	if sum.Truncated {
		sum.Why, sum.Cause = a.why, cmp.Or(a.cause, sum.Cause)
	}
	if err := saveSummary(tmp, sum); err != nil {
		return sum, err
	}
	if err := s.files.Rename(tmp, s.Dir(name)); err != nil {
		return sum, err
	}
	return sum, s.files.SyncDir(s.dir)
}

// joinTapes writes the tapes of epochs as one segment.
func (s *Shelf) joinTapes(to string, dirs []string, j *tape.Joint) error {
	var tapes []io.Reader
	for _, d := range dirs {
		in, err := openTape(d)
		if err != nil {
			return err
		}
		defer in.Close()
		tapes = append(tapes, in)
	}
	f, err := s.files.Create(filepath.Join(to, fmt.Sprintf("%06d%s", 1, segExt)))
	if err != nil {
		return err
	}
	out := &blockWriter{f: f, coder: store.NewCoder(true)}
	if _, err = tape.Join(out, tapes, j); err == nil {
		err = out.flush()
	}
	if err == nil {
		err = f.Sync()
	}
	if err = errors.Join(err, f.Close()); err != nil {
		return err
	}
	return s.files.SyncDir(to)
}

// A blockWriter writes a file of blocks.
type blockWriter struct {
	f     store.File
	coder *store.Coder
	buf   []byte
}

func (w *blockWriter) Write(p []byte) (int, error) {
	if w.buf = append(w.buf, p...); len(w.buf) >= flushBytes {
		if err := w.flush(); err != nil {
			return 0, err
		}
	}
	return len(p), nil
}

func (w *blockWriter) flush() error {
	for len(w.buf) > 0 {
		n := min(len(w.buf), flushBytes)
		if _, err := w.f.Write(w.coder.Append(nil, nil, w.buf[:n])); err != nil {
			return err
		}
		w.buf = w.buf[n:]
	}
	return nil
}

// recoverRing makes a recording of the epochs that a killed program left: from
// the first whose snapshot is whole to the last frame on disk. If that fails,
// for want of space or because a tape is damaged, each epoch becomes a
// recording by itself.
func (s *Shelf) recoverRing() error {
	dirs, err := ringDirs(s.dir)
	if err != nil || len(dirs) == 0 {
		return err
	}
	first, end := -1, len(dirs)
	for i, d := range dirs[:end] {
		if first < 0 {
			if _, err := recoverAll(d); err == nil {
				first = i
			}
		} else if _, err := recoverTape(d); err != nil { // not even its header is there
			end = i
			break
		}
	}
	if first < 0 || s.has(dirs[end-1]) {
		return s.dropEpochs(dirs)
	}
	if _, err := s.join(dirs[first:end], nil, account{why: "the ring was interrupted"}); err != nil {
		s.note(err)
		if err := s.part(dirs[first:end]); err != nil {
			return err
		}
	}
	return s.dropEpochs(dirs)
}

// has tells whether the shelf has the recording that ends with an epoch.
func (s *Shelf) has(epoch string) bool {
	_, err := os.Stat(strings.TrimSuffix(epoch, ringExt))
	return err == nil
}

// part makes each epoch a recording, but one that a recording ends with.
func (s *Shelf) part(dirs []string) error {
	for _, d := range dirs {
		if s.has(d) {
			continue
		}
		name := strings.TrimSuffix(d, ringExt)
		if err := os.Rename(d, name); err != nil {
			return err
		}
		s.salvage(name)
	}
	return nil
}

// dropEpochs removes epochs, the oldest first: while the last is there, the
// others are known to be its.
func (s *Shelf) dropEpochs(dirs []string) error {
	for _, d := range dirs {
		if err := remove(d); err != nil {
			return fmt.Errorf("drop an epoch: %w", err)
		}
	}
	return nil
}
