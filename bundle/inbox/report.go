package inbox

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"time"

	"vmrecord/bundle/mail"
	"vmrecord/bundle/store"
)

const (
	schema       = "vmbundle.inbox/1"
	maxJSONBytes = 64 << 10
	// A bundle may arrive in parts of several sizes after re-splitting.
	maxPartFiles = 2 * mail.MaxParts
)

// Where a report stands.
const (
	Complete = "complete"
	Partial  = "partial"
	Damaged  = "damaged" // its files cannot be read; Problem says why
)

// A Report is one bundle, whole or in part.
type Report struct {
	Schema string `json:"schema"`
	State  string `json:"state"`
	mail.Bundle
	PartBytes int64     `json:"part_bytes,omitempty"` // of the last part received
	From      string    `json:"from,omitempty"`       // envelope sender, unverified
	ReplyTo   string    `json:"reply_to,omitempty"`   // whom answers go to; "": nobody
	Thread    string    `json:"message_id,omitempty"` // of the message that they answer
	Install   string    `json:"install,omitempty"`    // the computer that sent it, authenticated
	First     time.Time `json:"first,omitzero"`       // first part received
	Done      time.Time `json:"done,omitzero"`        // when it was complete
	Problem   string    `json:"problem,omitempty"`
	// Filled in when listed.
	Have  string `json:"have,omitempty"`  // parts here, of PartBytes: "1-3,5"
	Need  string `json:"need,omitempty"`  // parts missing
	Bytes int64  `json:"bytes,omitempty"` // on disk; parts of two splits may overlap
	File  string `json:"file,omitempty"`  // of a complete bundle
}

// key is the name of a bundle's directory.
func key(b mail.Bundle) string { return b.ID + "-" + b.SHA256[:16] }

// idOf is the id in such a name.
func idOf(key string) string {
	if i := strings.LastIndexByte(key, '-'); i > 0 {
		return key[:i]
	}
	return key // somebody else's
}

func partName(r mail.Range) string { return fmt.Sprintf("%016d-%016d.part", r.From, r.To-r.From) }

// parsePartName reads what partName prints; ok is false for any other name.
func parsePartName(name string, size int64) (r mail.Range, ok bool) {
	if len(name) != 38 || name[16] != '-' || name[33:] != ".part" {
		return r, false
	}
	from, err1 := strconv.ParseUint(name[:16], 10, 62)
	n, err2 := strconv.ParseUint(name[17:33], 10, 62)
	r = mail.Range{From: int64(from), To: int64(from + n)}
	return r, err1 == nil && err2 == nil && n > 0 && r.To <= size
}

// A partial is the state of a bundle under partial/.
type partial struct {
	Report
	dir   string
	files []mail.Range // by offset
	have  mail.Ranges
}

func readReport(path string) (r Report, err error) {
	if err := readDocument(path, schema, maxJSONBytes, &r); err != nil {
		return r, err
	}
	if err := r.Bundle.Check(); err != nil {
		return r, fmt.Errorf("%s: %w", path, err)
	}
	if base := filepath.Base(filepath.Dir(path)); base != key(r.Bundle) {
		return r, fmt.Errorf("%s is about %s", path, key(r.Bundle))
	}
	return r, nil
}

// readPartial reads a directory under partial/.
func readPartial(dir string) (*partial, error) {
	r, err := readReport(filepath.Join(dir, "envelope.json"))
	if err != nil {
		return nil, err
	}
	if r.PartBytes != 0 {
		if err := (mail.Split{Bundle: r.Bundle, PartBytes: r.PartBytes}).Check(); err != nil {
			return nil, err
		}
	}
	es, err := os.ReadDir(dir) // sorted, and so by offset
	if err != nil {
		return nil, err
	}
	p := &partial{Report: r, dir: dir}
	for _, e := range es {
		x, ok := parsePartName(e.Name(), r.Size)
		if !ok {
			continue
		}
		if st, err := e.Info(); err != nil || !st.Mode().IsRegular() || st.Size() != x.To-x.From {
			return nil, fmt.Errorf("%s is not %d bytes long: remove it, the sender is asked for it again", filepath.Join(dir, e.Name()), x.To-x.From)
		}
		p.files = append(p.files, x)
		p.have = p.have.With(x)
	}
	return p, nil
}

// List returns all reports, oldest first. Those whose files cannot be read have
// state Damaged.
func (b *Inbox) List() ([]Report, error) {
	var all []Report
	for _, room := range []string{"partial", "reports"} {
		es, err := os.ReadDir(b.path(room))
		if err != nil {
			return nil, fmt.Errorf("list inbox: %w", err)
		}
		for _, e := range es {
			r, err := b.read(room, e.Name())
			if errors.Is(err, fs.ErrNotExist) {
				if _, gone := os.Lstat(b.path(room, e.Name())); gone != nil {
					continue // put together, or finished, while we looked
				}
			}
			if err != nil {
				r = b.damaged(room, e.Name(), err)
			}
			all = append(all, r)
		}
	}
	slices.SortStableFunc(all, func(x, y Report) int { return x.First.Compare(y.First) })
	return all, nil
}

// damaged stands for a report that cannot be read.
func (b *Inbox) damaged(room, name string, err error) Report {
	return Report{Schema: schema, State: Damaged, Bundle: mail.Bundle{ID: idOf(name)}, Problem: err.Error(), File: b.path(room, name)}
}

// read reads one report of partial/ or reports/ and fills in the rest.
func (b *Inbox) read(room, name string) (Report, error) {
	if room == "partial" {
		p, err := readPartial(b.path(room, name))
		if err != nil {
			return Report{}, err
		}
		r := p.Report
		r.State = Partial
		for _, x := range p.files {
			r.Bytes += x.To - x.From
		}
		if r.PartBytes != 0 {
			c := mail.NewReceipt(mail.Split{Bundle: r.Bundle, PartBytes: r.PartBytes}, p.have)
			r.Have, r.Need = c.Have.String(), c.Need.String()
		}
		return r, nil
	}
	r, err := readReport(b.path(room, name, "report.json"))
	if err != nil {
		return r, err
	}
	r.State, r.Bytes, r.File = Complete, r.Size, b.path(room, name, r.ID+".vmb")
	st, err := os.Lstat(r.File)
	if err != nil {
		return r, err
	}
	if !st.Mode().IsRegular() || st.Size() != r.Size {
		return r, fmt.Errorf("%s is not the file of %d bytes that was received", r.File, r.Size)
	}
	return r, nil
}

// Show returns the report with this id or uuid; a complete one rather than a
// partial one of the same id.
func (b *Inbox) Show(ref string) (Report, error) {
	all, err := b.List()
	if err != nil {
		return Report{}, err
	}
	var hits []Report
	for _, r := range all {
		if ref != "" && (r.ID == ref || r.UUID == ref) {
			hits = append(hits, r)
		}
	}
	if len(hits) > 1 {
		done := slices.DeleteFunc(slices.Clone(hits), func(r Report) bool { return r.State != Complete })
		if len(done) > 0 {
			hits = done
		}
	}
	switch len(hits) {
	case 0:
		return Report{}, store.Missing(fmt.Sprintf("report %.60q is not in the inbox; to see what is there: vmbundle inbox list", ref))
	case 1:
		return hits[0], nil
	}
	return hits[0], fmt.Errorf("%q names %d reports: use the uuid", ref, len(hits))
}
