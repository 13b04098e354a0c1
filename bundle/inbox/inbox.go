package inbox

import (
	"cmp"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"time"

	"vmrecord/bundle/mail"
	"vmrecord/bundle/store"
)

// Options are an inbox's limits and surroundings. Now must be given.
type Options struct {
	Now             func() time.Time
	MaxMessageBytes int64 // 0: 10 240 000, Postfix's default
	QuotaBytes      int64 // of all that is kept; 0: 20 GB
	InstallBytes    int64 // of all that is kept of one computer's; 0: 2 GB
	MaxPartial      int   // bundles begun and not finished; 0: 1000
	// Identify reads id and uuid from a bundle file, for whole files that arrive
	// without an envelope and to check what envelopes said. Nil: whole files are
	// refused and envelopes believed.
	Identify func(r io.ReaderAt, size int64) (id, uuid string, err error)
}

// An Inbox is a directory of received bundles. Any number of processes and
// goroutines may use it.
type Inbox struct {
	dir  string
	opt  Options
	kept shares
	roll roll
}

// Open opens the inbox in dir, makes it if need be, and clears away what killed
// receivers left half-way.
func Open(dir string, opt Options) (*Inbox, error) {
	if opt.MaxMessageBytes == 0 {
		opt.MaxMessageBytes = 10_240_000
	}
	if opt.QuotaBytes == 0 {
		opt.QuotaBytes = 20_000_000_000
	}
	if opt.InstallBytes == 0 {
		opt.InstallBytes = 2_000_000_000
	}
	if opt.MaxPartial == 0 {
		opt.MaxPartial = 1000
	}
	b := &Inbox{dir: dir, opt: opt}
	for _, d := range []string{"tmp", "partial", "reports"} {
		if err := os.MkdirAll(b.path(d), 0o700); err != nil {
			return nil, fmt.Errorf("make inbox: %w", err)
		}
	}
	unlock, err := b.lock()
	if err != nil {
		return nil, fmt.Errorf("open inbox: %w", err)
	}
	defer unlock()
	if err := b.clearTmp(); err != nil {
		return nil, fmt.Errorf("clear tmp of inbox: %w", err)
	}
	if err := b.count(); err != nil {
		return nil, err
	}
	return b, store.SyncDir(dir)
}

// now is as fine as reports have to be told apart by when they came.
func (b *Inbox) now() time.Time { return b.opt.Now().UTC().Truncate(time.Microsecond) }

func (b *Inbox) path(elem ...string) string {
	return filepath.Join(append([]string{b.dir}, elem...)...)
}

// A Refusal is why a message was not taken.
type Refusal struct {
	Code     int    // SMTP reply code
	Enhanced [3]int // RFC 3463
	Text     string
	Receipt  *mail.Receipt // what is here of that bundle, if it is known
	err      error
}

func (r *Refusal) Error() string { return r.Text }

// Unwrap returns the error behind the refusal.
func (r *Refusal) Unwrap() error { return r.err }

// refuse words an error as a reply. What it does not know is our own trouble.
func refuse(err error) *Refusal {
	var r *Refusal
	switch {
	case errors.As(err, &r):
		return r
	case full(err):
		return &Refusal{452, [3]int{4, 3, 1}, "the inbox's disk is full, try again later", nil, err}
	case errors.Is(err, errTooBig):
		return &Refusal{552, [3]int{5, 3, 4}, errTooBig.Error(), nil, err}
	}
	return &Refusal{451, [3]int{4, 3, 0}, "the inbox is in trouble, try again later", nil, err}
}

// Accepted says what became of a part.
type Accepted struct {
	Receipt   mail.Receipt
	Duplicate bool   // all of it was here before
	Complete  bool   // the bundle is whole
	Answer    string // to a question, in which there was no part
}

// Accept takes one message, from the given envelope sender. When it returns
// without error, the part is durable. The error is a *Refusal.
func (b *Inbox) Accept(r io.Reader, from string) (Accepted, error) {
	return b.accept(r, "", func(*parsed) string { return from })
}

// accept is Accept of a message whose sender may have to be read from it; install is
// the computer that authenticated, "" for nobody.
func (b *Inbox) accept(r io.Reader, install string, sender func(*parsed) string) (Accepted, error) {
	sc, err := b.newScratch()
	if err != nil {
		return Accepted{}, refuse(err)
	}
	defer sc.discard()
	p, err := parseMessage(r, b.opt.MaxMessageBytes, sc)
	if err != nil {
		return Accepted{}, b.refuseMessage(sc, err)
	}
	a := Accepted{}
	if p.question != nil {
		a.Answer, err = b.answer(*p.question)
	} else {
		a, err = b.commit(&p, sc, sender(&p), install)
	}
	if err != nil {
		return Accepted{}, refuse(err)
	}
	return a, nil
}

// refuseMessage tells apart our disk, a broken connection, and a message that will
// never be right.
func (b *Inbox) refuseMessage(sc *scratch, err error) *Refusal {
	switch {
	case sc.err != nil:
		return refuse(sc.err)
	case errors.Is(err, errTooBig):
		return refuse(errTooBig)
	case errors.Is(err, io.ErrUnexpectedEOF):
		return &Refusal{451, [3]int{4, 6, 0}, "the message ends in the middle, send it again", nil, err}
	}
	return &Refusal{554, [3]int{5, 6, 0}, printable(err.Error()), nil, err}
}

// commit keeps a received part, and the bundle if this made it whole.
func (b *Inbox) commit(m *parsed, sc *scratch, from, install string) (Accepted, error) {
	env := *m.envelope
	unlock, err := b.lock()
	if err != nil {
		return Accepted{}, err
	}
	defer unlock()

	split := env.Split()
	whole := mail.Ranges{{From: 0, To: env.Size}}
	done, err := b.read("reports", key(env.Bundle))
	if err == nil && done.Bundle == env.Bundle {
		// The name may not be durable: that is what failed, if the part was here before.
		if err := store.SyncDir(b.path("reports")); err != nil {
			return Accepted{}, err
		}
		return Accepted{Receipt: mail.NewReceipt(split, whole), Duplicate: true, Complete: true}, b.dropParts(b.path("partial", key(env.Bundle)))
	}
	if err == nil || !errors.Is(err, fs.ErrNotExist) {
		return Accepted{}, conflict(key(env.Bundle), err)
	}
	p, err := b.begun(m, from, install)
	if err != nil {
		return Accepted{}, err
	}
	if sc.n != env.Length || sc.digest() != env.PartSHA256 {
		c := mail.NewReceipt(split, p.have)
		return Accepted{}, &Refusal{451, [3]int{4, 6, 0}, "the part arrived damaged, send it again", &c, nil}
	}
	at := split.Range(env.Part)
	dup := p.have.Covers(at)
	if !dup {
		if err := b.keepPart(p, env, sc, at); err != nil {
			return Accepted{}, err
		}
	}
	if !p.have.Covers(whole[0]) {
		return Accepted{Receipt: mail.NewReceipt(split, p.have), Duplicate: dup}, nil
	}
	if err := b.assemble(p, split); err != nil {
		return Accepted{}, err
	}
	return Accepted{Receipt: mail.NewReceipt(split, whole), Duplicate: dup, Complete: true}, nil
}

func conflict(name string, err error) error {
	if err != nil {
		return fmt.Errorf("report %s: %w", name, err)
	}
	return &Refusal{554, [3]int{5, 6, 0}, "another bundle has this id and digest", nil, nil}
}

// begun returns what there is of the envelope's bundle; for a new bundle nothing,
// and nothing is written yet.
func (b *Inbox) begun(m *parsed, from, install string) (*partial, error) {
	env := m.envelope
	dir := b.path("partial", key(env.Bundle))
	p, err := readPartial(dir)
	if errors.Is(err, fs.ErrNotExist) {
		return &partial{dir: dir, Report: Report{Schema: schema, State: Partial, Bundle: env.Bundle, From: printable(from), Install: install,
			ReplyTo: m.replyTo(from), Thread: m.thread, First: b.now()}}, nil
	}
	if err != nil {
		return nil, err
	}
	if p.Bundle != env.Bundle {
		return nil, conflict(key(env.Bundle), nil)
	}
	return p, nil
}

// keepPart makes a verified part durable, within the quota.
func (b *Inbox) keepPart(p *partial, env mail.Envelope, sc *scratch, at mail.Range) error {
	n := at.To - at.From
	c := mail.NewReceipt(env.Split(), p.have)
	if len(p.files) >= maxPartFiles {
		return &Refusal{452, [3]int{4, 3, 1}, fmt.Sprintf("%d parts of it are here, which is all there may be", len(p.files)), &c, nil}
	}
	takes := n
	if p.PartBytes == 0 {
		takes += reportBytes
	}
	if err := b.room(p.Install, takes); err != nil {
		err.Receipt = &c
		return err
	}
	if err := b.begin(p, env.PartBytes); err != nil {
		return err
	}
	if err := sc.keep(filepath.Join(p.dir, partName(at))); err != nil {
		return err
	}
	b.kept.add(p.Install, takes)
	p.files = append(p.files, at)
	slices.SortStableFunc(p.files, func(x, y mail.Range) int { return cmp.Compare(x.From, y.From) })
	p.have = p.have.With(at)
	return nil
}

// begin makes the bundle's directory, by one rename, and writes down the part size
// last used.
func (b *Inbox) begin(p *partial, partBytes int64) error {
	if p.PartBytes == partBytes {
		return nil
	}
	first := p.PartBytes == 0
	p.PartBytes = partBytes
	if !first {
		return writeJSON(filepath.Join(p.dir, "envelope.json"), p.Report)
	}
	es, err := os.ReadDir(b.path("partial"))
	if err != nil {
		return err
	}
	if len(es) >= b.opt.MaxPartial {
		return &Refusal{452, [3]int{4, 3, 1}, fmt.Sprintf("%d bundles are begun and not finished, try again later", len(es)), nil, nil}
	}
	if share := max(1, b.opt.MaxPartial/partialShare); p.Install != "" && len(es) >= share && b.begunBy(p.Install, es) >= share {
		return &Refusal{452, [3]int{4, 2, 2}, fmt.Sprintf("%d bundles of %s's are begun and not finished, send the rest of them first", share, p.Install), nil, nil}
	}
	dir, err := os.MkdirTemp(b.path("tmp"), "new-")
	if err != nil {
		return err
	}
	defer os.RemoveAll(dir)
	if err := writeJSON(filepath.Join(dir, "envelope.json"), p.Report); err != nil {
		return err
	}
	// Without an envelope there are no parts in it.
	if err := os.RemoveAll(p.dir); err != nil {
		return err
	}
	if err := os.Rename(dir, p.dir); err != nil {
		return err
	}
	return store.SyncDir(b.path("partial"))
}

// partialShare is what part of the bundles begun and not finished may be of one computer.
const partialShare = 10

// begunBy counts those of a computer.
func (b *Inbox) begunBy(install string, all []os.DirEntry) (n int) {
	for _, e := range all {
		if r, err := readReport(b.path("partial", e.Name(), "envelope.json")); err == nil && r.Install == install {
			n++
		}
	}
	return n
}

// assemble makes a report of a bundle all of whose parts are here. If the whole is
// not what the envelopes promised, some part lied: all of them are dropped.
func (b *Inbox) assemble(p *partial, split mail.Split) error {
	sum, err := b.store(p.Report, func(w io.Writer) error {
		at := int64(0)
		for _, x := range p.files {
			if x.To <= at {
				continue
			}
			if err := copyFrom(w, filepath.Join(p.dir, partName(x)), at-x.From); err != nil {
				return err
			}
			at = x.To
		}
		return nil
	})
	if err != nil {
		return err
	}
	if err := b.dropParts(p.dir); err != nil {
		return err
	}
	for _, x := range p.files {
		b.kept.add(p.Install, x.From-x.To)
	}
	if sum == p.SHA256 {
		b.kept.add(p.Install, p.Size)
		return nil
	}
	b.kept.add(p.Install, -reportBytes)
	c := mail.NewReceipt(split, nil)
	return &Refusal{451, [3]int{4, 6, 0}, "all parts are here, but together they are not the promised file: send it again", &c, nil}
}

// dropParts removes the parts of a bundle, if there are any.
func (b *Inbox) dropParts(dir string) error {
	empty, err := b.takeAway(dir)
	switch {
	case errors.Is(err, fs.ErrNotExist):
		return nil
	case err != nil:
		return err
	}
	return empty()
}

// store writes a whole bundle into reports/ if it is the one r names, by one
// rename, and returns the SHA-256 of what write gave.
func (b *Inbox) store(r Report, write func(io.Writer) error) (sum string, err error) {
	dir, err := os.MkdirTemp(b.path("tmp"), "new-")
	if err != nil {
		return "", err
	}
	defer os.RemoveAll(dir)
	f, err := os.OpenFile(filepath.Join(dir, r.ID+".vmb"), os.O_RDWR|os.O_CREATE|os.O_EXCL, 0o600)
	if err != nil {
		return "", err
	}
	defer f.Close()
	h := sha256.New()
	if err := write(io.MultiWriter(f, h)); err != nil {
		return "", err
	}
	sum = hex.EncodeToString(h.Sum(nil))
	if sum != r.SHA256 {
		return sum, nil
	}
	if err := f.Sync(); err != nil {
		return sum, err
	}
	r.State, r.Done, r.Problem = Complete, b.now(), b.problem(f, r)
	if err := writeJSON(filepath.Join(dir, "report.json"), r); err != nil {
		return sum, err
	}
	if err := os.Rename(dir, b.path("reports", key(r.Bundle))); err != nil {
		return sum, err
	}
	return sum, store.SyncDir(b.path("reports"))
}

// problem compares a whole bundle with what its envelopes called it. The report is
// kept either way, with a note.
func (b *Inbox) problem(f io.ReaderAt, r Report) string {
	if b.opt.Identify == nil {
		return ""
	}
	id, uuid, err := b.opt.Identify(f, r.Size)
	if err != nil {
		return err.Error()
	}
	if id != r.ID || uuid != r.UUID {
		return fmt.Sprintf("the sender called it %s (%s), but the file is %s (%s)", r.ID, r.UUID, id, uuid)
	}
	return ""
}
