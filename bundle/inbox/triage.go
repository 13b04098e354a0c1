package inbox

import (
	"crypto/sha256"
	"encoding/base32"
	"encoding/binary"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"time"
	"unicode"

	"vmrecord/bundle/enrol"
	"vmrecord/bundle/mail"
)

const (
	triageSchema  = "vmbundle.triage/1"
	verdictSchema = "vmbundle.verdict/1"
	bucketSchema  = "vmbundle.bucket/1"

	triageName  = "triage.json"
	verdictName = "verdict.json"

	maxTags   = 32
	maxFrames = 16
	maxText   = 512
)

// A Triage is what engineers noted about one report.
type Triage struct {
	Schema string   `json:"schema"`
	Tags   []string `json:"tags"` // sorted
}

// What replaying a bundle came to.
const (
	Reproduced = "reproduced" // every replay equalled the recording
	Diverged   = "diverged"   // one did not
	Hung       = "hung"       // one took longer than it may
	Broken     = "broken"     // the bundle cannot be read or run; Reason says why
	ReportOnly = "report"     // it is one (level L0): there is nothing to replay
)

// A Verdict is what became of a bundle's check.
type Verdict struct {
	Schema   string    `json:"schema"`
	State    string    `json:"state"`
	Reason   string    `json:"reason,omitempty"`
	Replays  int       `json:"replays"`            // that equalled the recording
	EndHash  string    `json:"end_hash,omitempty"` // of the machine, each time
	Near     string    `json:"near,omitempty"`     // position of the checkpoint that was left
	Crash    *Crash    `json:"crash,omitempty"`
	Checked  time.Time `json:"checked"`
	Revision string    `json:"revision,omitempty"` // of the program that did it
	Signer   string    `json:"signer,omitempty"`   // public key that the bundle is signed by
}

// A Crash is what tells one failure from another.
type Crash struct {
	Program string   `json:"program"`
	BuildID string   `json:"build_id,omitempty"` // of the program's file, hex
	Frames  []string `json:"frames"`             // the innermost first: functions, or FILE+0xOFFSET
	Text    string   `json:"text,omitempty"`     // the failure's own words: they take no part in the signature
}

// Bucket is the name under which equal crashes are counted, "B-" and 8 letters of
// the SHA-256 over program, build id and frames.
func (c Crash) Bucket() string {
	h := sha256.New()
	for _, s := range append([]string{c.Program, c.BuildID}, c.Frames...) {
		h.Write(binary.BigEndian.AppendUint32(nil, uint32(len(s))))
		io.WriteString(h, s)
	}
	return "B-" + base32.NewEncoding("0123456789ABCDEFGHJKMNPQRSTVWXYZ").EncodeToString(h.Sum(nil)[:5])
}

// Brief is a crash in a line: its program and the innermost frames.
func (c Crash) Brief() string {
	return c.Program + ": " + strings.Join(c.Frames[:min(3, len(c.Frames))], " < ")
}

// trim bounds what came out of a stranger's machine, and makes it fit to print.
func (c *Crash) trim() {
	c.Program, c.BuildID, c.Text = printable(c.Program), printable(c.BuildID), printable(c.Text)
	c.Frames = slices.Clone(c.Frames[:min(len(c.Frames), maxFrames)])
	for i, f := range c.Frames {
		c.Frames[i] = printable(f)
	}
}

func printable(s string) string {
	s = strings.Map(func(r rune) rune {
		if !unicode.IsPrint(r) || r == 0xfffd {
			return '?'
		}
		return r
	}, strings.ToValidUTF8(s[:min(len(s), maxText)], "?"))
	return s
}

// Where a bucket stands.
const (
	Unfixed   = "open"
	Fixed     = "fixed"
	Duplicate = "dup"
)

// A Mark is what engineers decided about a bucket.
type Mark struct {
	Schema string    `json:"schema"`
	Status string    `json:"status"`
	Of     string    `json:"of,omitempty"` // the bucket of which it is a duplicate
	Note   string    `json:"note,omitempty"`
	In     string    `json:"in,omitempty"` // the version that has the fix
	At     time.Time `json:"at"`
}

var (
	bucketForm = regexp.MustCompile(`^(B-[0-9A-Z]{8}|R-[0-9A-Z]{4}-[0-9A-Z]{4})$`)
	tagForm    = regexp.MustCompile(`^[a-zA-Z0-9][a-zA-Z0-9._/-]{0,39}$`)
)

// readDocument reads a JSON file of ours, of at most so many bytes, into v. Its schema
// must be want.
func readDocument(path, want string, most int64, v any) error {
	f, err := os.Open(path)
	if err != nil {
		return err
	}
	defer f.Close()
	data, err := io.ReadAll(io.LimitReader(f, most+1))
	if err != nil {
		return err
	}
	if int64(len(data)) > most {
		return fmt.Errorf("%s is longer than %d bytes", path, most)
	}
	var head struct {
		Schema string `json:"schema"`
	}
	if err = json.Unmarshal(data, &head); err == nil && head.Schema != want {
		return fmt.Errorf("%s is %.40q, this program reads %q", path, head.Schema, want)
	}
	if err == nil {
		err = json.Unmarshal(data, v)
	}
	if err != nil {
		return fmt.Errorf("read %s: %w", path, err)
	}
	return nil
}

// optional is readDocument for a file that need not be there.
func optional(path, want string, most int64, v any) error {
	if err := readDocument(path, want, most, v); !errors.Is(err, fs.ErrNotExist) {
		return err
	}
	return nil
}

// Tag adds and removes tags of a complete report and returns those it has then.
func (b *Inbox) Tag(ref string, add, remove []string) ([]string, error) {
	for _, t := range slices.Concat(add, remove) {
		if !tagForm.MatchString(t) {
			return nil, fmt.Errorf("tag %.60q: want up to 40 letters, digits and ._/-", t)
		}
	}
	var tags []string
	err := b.change(ref, func(dir string) error {
		t := Triage{}
		if err := optional(filepath.Join(dir, triageName), triageSchema, maxJSONBytes, &t); err != nil {
			return err
		}
		tags = slices.DeleteFunc(append(t.Tags, add...), func(x string) bool { return slices.Contains(remove, x) })
		slices.Sort(tags)
		tags = slices.Compact(tags)
		if len(tags) > maxTags {
			return fmt.Errorf("%d tags, at most %d", len(tags), maxTags)
		}
		return writeJSON(filepath.Join(dir, triageName), Triage{triageSchema, tags})
	})
	return tags, err
}

// Judge writes down what replaying a complete report came to.
func (b *Inbox) Judge(ref string, v Verdict) error {
	v.Schema, v.Checked = verdictSchema, b.now()
	v.Reason, v.Signer = printable(v.Reason), printable(v.Signer)
	if v.Crash != nil {
		v.Crash.trim()
	}
	return b.change(ref, func(dir string) error { return writeJSON(filepath.Join(dir, verdictName), v) })
}

// change has f work in a complete report's folder, under the inbox's lock.
func (b *Inbox) change(ref string, f func(dir string) error) error {
	unlock, err := b.lock()
	if err != nil {
		return err
	}
	defer unlock()
	r, err := b.Show(ref)
	if err != nil {
		return err
	}
	if r.State != Complete {
		return fmt.Errorf("%s is %s: it can be tagged and judged once it is complete", r.ID, r.State)
	}
	if err := f(filepath.Dir(r.File)); err != nil {
		return err
	}
	now := b.opt.Now()
	return os.Chtimes(b.path("reports"), now, now) // for who waits for a change
}

// Fix marks the bucket of a report, or a bucket, as fixed, in a version where one is
// given; or open again.
func (b *Inbox) Fix(ref, version, note string, again bool) (bucket string, err error) {
	m := Mark{Status: Fixed, In: version, Note: printable(note)}
	if again {
		m.Status = Unfixed
	}
	if version != "" {
		if err := mail.CheckVersion(version); err != nil {
			return "", err
		}
	}
	return b.mark(ref, func(string) (Mark, error) { return m, nil })
}

// Dup marks a bucket as a duplicate of another one; both may be named by a report
// in it.
func (b *Inbox) Dup(ref, of string) (bucket, other string, err error) {
	bucket, err = b.mark(ref, func(own string) (Mark, error) {
		if other, err = b.bucketOf(of); err != nil {
			return Mark{}, err
		}
		if other, _, err = b.canonical(other); err != nil {
			return Mark{}, err
		}
		if other == own {
			return Mark{}, fmt.Errorf("%s is a duplicate of %s, or the same", of, ref)
		}
		return Mark{Status: Duplicate, Of: other}, nil
	})
	return bucket, other, err
}

func (b *Inbox) mark(ref string, decide func(own string) (Mark, error)) (bucket string, err error) {
	unlock, err := b.lock()
	if err != nil {
		return "", err
	}
	defer unlock()
	if bucket, err = b.bucketOf(ref); err != nil {
		return "", err
	}
	m, err := decide(bucket)
	if err != nil {
		return "", err
	}
	m.Schema, m.At = bucketSchema, b.now()
	if err := os.MkdirAll(b.path("buckets"), 0o700); err != nil {
		return "", err
	}
	return bucket, writeJSON(b.path("buckets", bucket+".json"), m)
}

// markOf is what was decided about a bucket; nothing decided is open.
func (b *Inbox) markOf(bucket string) (Mark, error) {
	m := Mark{Status: Unfixed}
	if !bucketForm.MatchString(bucket) {
		return m, fmt.Errorf("%.40q names no bucket", bucket)
	}
	err := optional(b.path("buckets", bucket+".json"), bucketSchema, maxJSONBytes, &m)
	return m, err
}

// bucketOf is the bucket that a name stands for: its own, or a report's.
func (b *Inbox) bucketOf(ref string) (string, error) {
	if strings.HasPrefix(ref, "B-") && bucketForm.MatchString(ref) {
		return ref, nil
	}
	r, err := b.Show(ref)
	if err != nil {
		return "", err
	}
	e, err := b.entry(r)
	return e.Bucket, err
}

// An Entry is a report with what was noted and found out about it.
type Entry struct {
	Report
	Bucket  string   `json:"bucket,omitempty"` // of a complete one; its id, where no crash is known
	Tags    []string `json:"tags,omitempty"`
	Verdict *Verdict `json:"verdict,omitempty"`
	Foreign bool     `json:"foreign,omitempty"` // it is not signed by the computer that sent it
}

// entry reads what lies beside a report. Damaged notes are told as its problem.
func (b *Inbox) entry(r Report) (Entry, error) {
	e := Entry{Report: r}
	if r.State != Complete {
		return e, nil
	}
	dir := filepath.Dir(r.File)
	t, v := Triage{}, Verdict{}
	err := errors.Join(optional(filepath.Join(dir, triageName), triageSchema, maxJSONBytes, &t),
		optional(filepath.Join(dir, verdictName), verdictSchema, maxJSONBytes, &v))
	e.Tags, e.Bucket = t.Tags, r.ID
	if v.Schema != "" && err == nil {
		e.Verdict = &v
		opened := v.Signer != "" || v.Replays > 0
		e.Foreign = opened && r.Install != "" && enrol.Name(v.Signer) != r.Install
		if v.Crash != nil {
			v.Crash.trim()
			e.Bucket = v.Crash.Bucket()
		}
	}
	return e, err
}

// Entry is the report with this id or uuid, as Show has it, with all about it.
func (b *Inbox) Entry(ref string) (Entry, error) {
	r, err := b.Show(ref)
	if err != nil {
		return Entry{}, err
	}
	return b.entry(r)
}
