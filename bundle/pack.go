package bundle

import (
	"bufio"
	"bytes"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"strings"

	"aead.dev/minisign"
	"filippo.io/age"

	"vmrecord/bundle/base"
	"vmrecord/bundle/consent"
	"vmrecord/bundle/recording"
	"vmrecord/bundle/store"
	"vmrecord/vmm/tape"
)

const partBytes = 6 << 20 // a pack or segment that reached this is finished

// Packed says what Pack made.
type Packed struct {
	Path  string `json:"path"`
	ID    string `json:"id"`
	UUID  string `json:"uuid"`
	Bytes int64  `json:"bytes"`
}

// PackOptions say who can read a bundle and who made it. The zero value: everybody,
// and that is not said.
type PackOptions struct {
	Progress func(done, total int) // told of pages done; may be nil
	Look     func(page []byte)     // told each page that the bundle holds, as it is in memory; may be nil
	To       []age.Recipient       // who can read it, by X25519 keys; none: everybody
	Sign     *minisign.PrivateKey  // the maker's; nil: none
	Bases    []*base.Base          // whose pages are named instead of held; none: all are held
	Slice    *Slice                // what is left of the recording; nil: all
	Report   string                // told instead of the recording; "": the recording itself
	Consent  *consent.Record       // of the user; nil: nobody was asked
}

// A Slice is a recording without pages that its replay does not use (package slice).
type Slice struct {
	Absent []bool // pages of memory, by number; they count as zeros
	Tape   []byte // with the roots that follow
}

// Pack makes a bundle of the recording in a directory of a shelf. If out is a
// directory, the file gets its id as name there; a file of that name is
// replaced. Only its owner may read it. What it makes depends on the
// recording, the options and this program only, to the byte, unless it is sealed.
func Pack(dir, out string, o PackOptions) (Packed, error) {
	p, err := pack(dir, out, o)
	if err != nil {
		return Packed{}, fmt.Errorf("pack %s: %w", dir, err)
	}
	return p, nil
}

func pack(dir, out string, o PackOptions) (res Packed, err error) {
	if len(o.To) > maxKeys {
		return res, fmt.Errorf("it would be sealed to %d keys, at most %d are allowed", len(o.To), maxKeys)
	}
	rec, err := recording.Read(dir)
	if err != nil {
		return res, err
	}
	defer rec.Close()
	if err := rec.Complete(); err != nil {
		return res, err
	}
	to := out
	if i, err := os.Stat(out); err != nil || !i.IsDir() {
		to = filepath.Dir(out)
	}
	tmp, err := store.CreateTemp(to, ".vmb-")
	if err != nil {
		return res, err
	}
	defer os.Remove(tmp.Name())
	defer tmp.Close()
	k := &packer{rec: rec, tmp: tmp, coder: store.NewCoder(false), o: o, at: map[string]int64{}}
	k.m = newManifest(rec.Meta)
	k.m.Consent = o.Consent
	if len(o.Bases) > 0 {
		k.thin(o.Bases)
	}
	if o.Slice != nil {
		k.m.Level, k.m.Capabilities = "L1", []string{CanReplay, canDebug}
		k.m.Requires = append(k.m.Requires, requiresAbsent)
	}
	if o.Sign != nil {
		k.m.Signer = o.Sign.Public().(minisign.PublicKey).String()
	}
	steps := []func() error{k.memory, k.sections, k.tape}
	if o.Report != "" {
		steps = []func() error{k.report, k.tape, k.forget}
	}
	for _, step := range steps {
		if err := step(); err != nil {
			return res, err
		}
	}
	sorted(k.m.Parts)
	return k.archive(to, out)
}

// newManifest is what is known of a recording at first.
func newManifest(meta recording.Meta) Manifest {
	return Manifest{Format: format, Level: "L3", Requires: []string{}, Recording: meta, Markers: []Marker{},
		Capabilities: []string{CanReplay, CanGoLive, CanSeeAll, canDebug}}
}

// A packer collects parts in a temporary file, since the archive begins with
// their digests.
type packer struct {
	rec   *recording.Recorded
	m     Manifest
	tmp   *os.File
	off   int64
	at    map[string]int64 // where each part is in tmp
	coder *store.Coder
	o     PackOptions
	pool  *pool     // of the bases; nil: none
	most  *Manifest // of which the tape must be; nil: of none
}

func (k *packer) add(name string, b []byte) error {
	p, err := k.put(name, b)
	k.m.Parts = append(k.m.Parts, p)
	return err
}

func (k *packer) put(name string, b []byte) (Part, error) {
	k.at[name] = k.off
	k.off += int64(len(b))
	_, err := k.tmp.Write(b)
	return Part{name, int64(len(b)), digestOf(b)}, err
}

// thin has pages of bases named instead of held.
func (k *packer) thin(bases []*base.Base) {
	k.pool, k.m.Level = newPool(bases), "L2"
	for _, b := range bases {
		k.m.Snapshot.Bases = append(k.m.Snapshot.Bases, b.Info)
	}
	k.m.Requires = append(k.m.Requires, requiresBases)
}

// report writes the report, which stands for memory and tape.
func (k *packer) report() error {
	if len(k.o.Report) > MaxReport {
		return fmt.Errorf("its report has %d bytes, at most %d are allowed", len(k.o.Report), MaxReport)
	}
	k.m.Level, k.m.Capabilities, k.m.Requires, k.m.Report = "L0", []string{}, []string{requiresReport}, reportPart
	k.m.Snapshot = Snapshot{Packs: []string{}, Pages: uint64(len(k.rec.Pages))}
	return k.add(reportPart, []byte(k.o.Report))
}

// forget leaves out what a report does not tell: what else the guest marked, and what all
// that was random to it follows from.
func (k *packer) forget() error {
	k.m.Machine.Seed, k.m.Markers = 0, []Marker{}
	if k.m.Failure != nil {
		k.m.Markers = append(k.m.Markers, *k.m.Failure)
	}
	return nil
}

// memory writes the pages, in the order of the first place of each, and the map.
func (k *packer) memory() error {
	w, err := newPageWriter(k)
	if err != nil {
		return err
	}
	pages := make(pageMap, len(k.rec.Pages))
	for i, h := range k.rec.Pages {
		if k.o.Progress != nil && i%1024 == 0 {
			k.o.Progress(w.ahead+i, w.ahead+len(pages))
		}
		if k.o.Slice != nil && k.o.Slice.Absent[i] {
			continue
		}
		if pages[i], err = w.number(h); err != nil {
			return err
		}
	}
	if err := w.flush(0); err != nil {
		return err
	}
	s := &k.m.Snapshot
	s.Map, s.Pages, s.Stored = mapPart, uint64(len(pages)), uint64(w.stored)
	if k.pool != nil {
		s.Likeness = likenessPart
		err = k.blocks(likenessPart, w.likeness)
	}
	if k.o.Slice != nil && err == nil {
		s.Absent = absentPart
		err = k.blocks(absentPart, appendRuns(nil, k.o.Slice.Absent))
	}
	return errors.Join(err, k.blocks(mapPart, pages.append(nil)))
}

// blocks adds a part of as many blocks as the content needs.
func (k *packer) blocks(name string, content []byte) error {
	var out []byte
	for first := true; first || len(content) > 0; first = false {
		n := min(len(content), store.MaxBlock)
		out, content = k.coder.Append(out, nil, content[:n]), content[n:]
	}
	return k.add(name, out)
}

func (k *packer) sections() error {
	k.m.Snapshot.Sections = sectionsPart
	return k.blocks(sectionsPart, recording.AppendSections(nil, k.rec.Sections))
}

// tape copies the tape, up to its last whole frame, and notes what is on it.
func (k *packer) tape() error {
	in, err := k.rec.Tape()
	if err != nil {
		return err
	}
	defer in.Close()
	if k.o.Slice != nil {
		in = io.NopCloser(bytes.NewReader(k.o.Slice.Tape))
	}
	w := &tapeWriter{k: k}
	r, err := tape.NewReader(io.TeeReader(in, w))
	if err != nil {
		return err
	}
	k.machine(r.Header())
	if err := k.frames(r); err != nil {
		return err
	}
	return w.flush(0)
}

func (k *packer) machine(h tape.Header) {
	meta := k.rec.Meta
	k.m.Machine = Machine{Model: h.Model, MemoryBytes: h.Memory, Hz: h.Hz, Epoch: h.Epoch, Seed: h.Seed,
		Config: meta.Machine, ConfigHash: hex.EncodeToString(h.Config[:]), Console: meta.Console}
	k.m.Recording.Machine, k.m.Recording.Console = "", "" // they stand in Machine
	t := &k.m.Tape
	t.Period, t.Start, t.End = h.Period, h.Start, h.Start
}

// frames notes marks and totals.
func (k *packer) frames(r *tape.Reader) error {
	t, h := &k.m.Tape, r.Header()
	for {
		f, err := r.Next()
		switch {
		case errors.Is(err, io.EOF):
			return nil
		case errors.Is(err, tape.ErrTruncated):
			t.Truncated = true
			t.Inputs, t.Heartbeats = r.Counts.Inputs, r.Counts.Heartbeats
			return nil
		case err != nil:
			return err
		}
		t.Frames = r.Frames
		switch t.End = f.Pos; f.Kind {
		case tape.KindInput:
			t.End.Inputs++
		case tape.KindHeartbeat:
			t.Retired = f.Beat.Retired
		case tape.KindMark:
			m := Marker{f.MarkKind.String(), valid(f.Text), f.Pos, k.m.Machine.Seconds(h.Start.At, f.Pos.At)}
			k.m.Markers = append(k.m.Markers, m)
			if n := len(k.m.Markers); k.most != nil && (n > len(k.most.Markers) || m != k.most.Markers[n-1]) {
				return damaged(manifestPart, "it describes another tape: mark %d is not on it", n)
			}
			if f.MarkKind == tape.Fail {
				k.m.Failure = &m
			}
		case tape.KindFooter:
			t.footer(f.Footer)
		}
	}
}

func (t *Tape) footer(f *tape.Footer) {
	t.Retired, t.Inputs, t.Heartbeats, t.Keys = f.Retired, f.Frames.Inputs, f.Frames.Heartbeats, f.Frames.Keys
	t.ConsoleBytes, t.Console, t.EndHash = f.ConsoleBytes, hex.EncodeToString(f.Console[:]), hex.EncodeToString(f.End[:])
	t.Why, t.Truncated = valid(f.Why), f.Truncated
}

// valid is a guest's text as JSON can carry it.
func valid(s string) string { return strings.ToValidUTF8(s, "\uFFFD") }

// archive writes the file and gives it its name when it is whole and durable.
func (k *packer) archive(dir, out string) (res Packed, err error) {
	raw, err := encode(&k.m)
	if err != nil {
		return res, err
	}
	if n := bytes.Count(raw, []byte("{")); len(raw) > maxManifest || n > maxObjects {
		return res, fmt.Errorf("its manifest has %d bytes and %d objects, at most %d and %d are allowed: too many marks", len(raw), n, maxManifest, maxObjects)
	}
	e, err := k.envelope(raw)
	if err != nil {
		return res, err
	}
	f, err := store.CreateTemp(dir, ".vmb-")
	if err != nil {
		return res, err
	}
	defer os.Remove(f.Name())
	if err := errors.Join(k.write(f, e), f.Sync()); err != nil {
		return res, errors.Join(err, f.Close())
	}
	i, err := f.Stat()
	if err := errors.Join(err, f.Close()); err != nil {
		return res, err
	}
	if s, err := os.Stat(out); err == nil && s.IsDir() {
		out = filepath.Join(out, e.ID+".vmb")
	}
	var d store.Disk
	if err := errors.Join(d.Rename(f.Name(), out), d.SyncDir(dir)); err != nil {
		return res, err
	}
	return Packed{out, e.ID, e.UUID, i.Size()}, nil
}

// envelope lists the files in the order of the archive, after it made those that
// depend on the manifest.
func (k *packer) envelope(manifest []byte) (e Envelope, err error) {
	e = Envelope{Format: format}
	e.UUID, e.ID = identify(manifest)
	p, err := k.put(manifestPart, manifest)
	e.Parts = append(e.Parts, p)
	if k.o.Sign != nil && err == nil {
		p, err = k.put(signaturePart, sign(k.o.Sign, manifest, e.ID))
		e.Parts = append(e.Parts, p)
	}
	e.Parts = append(e.Parts, k.m.Parts...)
	if len(k.o.To) > 0 && err == nil {
		e.Keys = names(k.o.To)
		err = k.seal(e.Parts)
	}
	return e, err
}

func (k *packer) write(f *os.File, e Envelope) error {
	env, err := encode(&e)
	if err != nil {
		return err
	}
	w := bufio.NewWriterSize(f, 1<<20)
	if err := errors.Join(writeTarBytes(w, textPart, text(e.ID)), writeTarBytes(w, envelopePart, env)); err != nil {
		return err
	}
	for _, p := range e.Parts {
		if err := writeTar(w, p.Name, p.Size, io.NewSectionReader(k.tmp, k.at[p.Name], p.Size)); err != nil {
			return err
		}
	}
	return errors.Join(writeTarEnd(w), w.Flush())
}
