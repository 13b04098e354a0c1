package inbox

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"strings"

	"vmrecord/bundle/mail"
)

// How a bundle file begins: a tar whose first member is vmbundle.txt.
const bundleMagic = "vmbundle.txt\x00"

// maxIngestFiles bounds what one Ingest of a directory reads.
const maxIngestFiles = 100_000

// Ingested is what became of one file.
type Ingested struct {
	Path     string `json:"path"`
	ID       string `json:"id,omitempty"`
	Complete bool   `json:"complete"`
	Error    string `json:"error,omitempty"`
}

// Ingest takes in a saved message, a bundle file, or every such file in a directory
// and below: a maildir, or a folder of .eml and .vmb files. Files whose names begin
// with a dot, and a maildir's tmp, are passed over. The files stay where they are,
// and taking them in again changes nothing. A file that is refused is told in its
// Ingested and does not stop the others.
func (b *Inbox) Ingest(path string) ([]Ingested, error) {
	var out []Ingested
	err := filepath.WalkDir(path, func(p string, e fs.DirEntry, err error) error {
		if err != nil {
			return err
		}
		if p != path && (strings.HasPrefix(e.Name(), ".") || e.IsDir() && e.Name() == "tmp") {
			if e.IsDir() {
				return fs.SkipDir
			}
			return nil
		}
		if e.IsDir() {
			return nil
		}
		if len(out) == maxIngestFiles {
			return fmt.Errorf("more than %d files: give a smaller directory", maxIngestFiles)
		}
		in := Ingested{Path: p}
		if err := b.ingestFile(&in); err != nil {
			in.Error = err.Error()
		}
		out = append(out, in)
		return nil
	})
	if err != nil {
		return out, fmt.Errorf("ingest %s: %w", path, err)
	}
	return out, nil
}

func (b *Inbox) ingestFile(in *Ingested) error {
	st, err := os.Stat(in.Path) // before Open, which would wait for ever on a fifo
	if err != nil {
		return err
	}
	if !st.Mode().IsRegular() {
		return errors.New("not a regular file")
	}
	f, err := os.Open(in.Path)
	if err != nil {
		return err
	}
	defer f.Close()
	head := make([]byte, len(bundleMagic))
	if _, err := f.ReadAt(head, 0); err != nil && !errors.Is(err, io.EOF) {
		return err
	}
	if bytes.Equal(head, []byte(bundleMagic)) {
		return b.ingestBundle(in, f)
	}
	a, err := b.accept(f, "", func(m *parsed) string { return m.path })
	if err != nil {
		return err
	}
	in.ID, in.Complete = a.Receipt.ID, a.Complete
	return nil
}

// ingestBundle takes a whole bundle file.
func (b *Inbox) ingestBundle(in *Ingested, f *os.File) error {
	if b.opt.Identify == nil {
		return errors.New("a whole bundle file: this inbox takes parts only")
	}
	st, err := f.Stat()
	if err != nil {
		return err
	}
	id, uuid, err := b.opt.Identify(f, st.Size())
	if err != nil {
		return err
	}
	d, err := mail.Describe(in.Path, id, uuid)
	if err != nil {
		return err
	}
	in.ID = id
	unlock, err := b.lock()
	if err != nil {
		return err
	}
	defer unlock()
	if r, err := b.read("reports", key(d)); err == nil && r.Bundle == d {
		in.Complete = true
		return nil
	}
	if used := b.kept.all(); used+d.Size+reportBytes > b.opt.QuotaBytes {
		return fmt.Errorf("the inbox holds %d of at most %d bytes and this file has %d: raise the quota or remove old reports", used, b.opt.QuotaBytes, d.Size)
	}
	sum, err := b.store(Report{Schema: schema, Bundle: d, First: b.now()}, func(w io.Writer) error { return copyFrom(w, in.Path, 0) })
	if err != nil {
		return err
	}
	if sum != d.SHA256 {
		return errors.New("the file changed while it was read")
	}
	b.kept.add("", d.Size+reportBytes)
	in.Complete = true
	return b.dropParts(b.path("partial", key(d)))
}
