package consent

import (
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"syscall"
	"time"

	"vmrecord/bundle/store"
)

// A Mode is when a recording may be sent.
type Mode string

// The modes.
const (
	Ask    Mode = "ask"    // after the user said yes to it
	Always Mode = "always" // without asking
	Never  Mode = "never"
	// Report is a short report without asking, and the recording as with Ask.
	Report Mode = "always-report-ask-recording"
)

// unasked tells whether anything is sent without asking.
func (m Mode) unasked() bool { return m == Always || m == Report }

// TextVersion is the version of what Notice says. It grows with every change of
// what is recorded or sent.
const TextVersion = 1

const (
	schema   = "vmrecord.consent/1"
	fileName = "consent.json"
	lockName = "consent.lock"
	maxFile  = 1 << 20
)

// A Party is who asks for consent, and for what.
type Party struct {
	Appliance string
	To        string   // the vendor's mail address
	Submit    string   // the server that takes it
	Keys      []string // public keys that it is sealed to; none: everybody can read it
	Features  []string // what is recorded
	Ring      uint32   // seconds that are recorded always, and forgotten again; 0: none
	Mode      Mode     // proposed by the configuration
	Signer    string   // who signed it; "": nobody
}

func (p *Party) whom() string {
	whom := append([]string{p.To, p.Submit}, p.Keys...)
	if p.Ring > 0 {
		whom = append(whom, "ring") // consent to less is none to this
	}
	return strings.Join(whom, " ")
}

// Notice is what a user has to know before the first run: what is recorded and
// when, who gets it, and how to refuse. Each is a line.
func (p *Party) Notice() [3]string {
	reader := "readable by whoever carries it"
	if len(p.Keys) > 0 {
		reader = "sealed so that only they can read it"
	}
	when := "only after you said yes to it"
	if p.Mode == Always {
		when = "without asking"
	}
	sent := fmt.Sprintf("a recording of a failure is sent to %s, %s, %s", p.To, reader, when)
	if p.Mode == Report {
		sent = fmt.Sprintf("a report of a failure, with the last lines on the console, is sent to %s, %s, without asking; its recording %s", p.To, reader, when)
	}
	during := "during: " + strings.Join(p.Features, ", ")
	if p.Ring > 0 {
		during = fmt.Sprintf("always, to keep the last %d s of a failure, and %s", p.Ring, during)
	}
	return [3]string{
		fmt.Sprintf("%s records the whole virtual machine, its memory and what is typed, %s", p.Appliance, during),
		sent,
		"to refuse: vmappliance consent revoke; to decide: vmappliance help user",
	}
}

// A Decision is what the user decided about one appliance.
type Decision struct {
	Appliance string    `json:"appliance"`
	To        string    `json:"to"`
	Mode      Mode      `json:"mode,omitzero"`
	Told      Mode      `json:"told,omitzero"` // that the party proposed when the user was told
	Text      int       `json:"text"`
	At        time.Time `json:"at"`
	Signer    string    `json:"signer,omitzero"`
}

// A Book is the decisions in a state folder. Any number of programs may use it.
type Book struct {
	Dir string
	Now func() time.Time
}

// A file is consent.json.
type file struct {
	Schema    string     `json:"schema"`
	Decisions []Decision `json:"decisions"`
}

// List is all decisions, by appliance.
func (b *Book) List() ([]Decision, error) {
	name := filepath.Join(b.Dir, fileName)
	i, err := os.Stat(name)
	if errors.Is(err, fs.ErrNotExist) {
		return nil, nil
	}
	if err != nil {
		return nil, fmt.Errorf("read consent: %w", err)
	}
	if i.Size() > maxFile || !i.Mode().IsRegular() {
		return nil, fmt.Errorf("%s is not what this program wrote: nothing is sent; move it away", name)
	}
	text, err := os.ReadFile(name)
	if err != nil {
		return nil, fmt.Errorf("read consent: %w", err)
	}
	all, err := parse(text)
	if err != nil {
		return nil, fmt.Errorf("%s: %w: nothing is sent; move it away", name, err)
	}
	return all, nil
}

func parse(text []byte) ([]Decision, error) {
	var f file
	if err := json.Unmarshal(text, &f); err != nil {
		return nil, err
	}
	if f.Schema != schema {
		return nil, fmt.Errorf("its schema is %.40q, this program reads %q", f.Schema, schema)
	}
	for _, d := range f.Decisions {
		if !slices.Contains([]Mode{"", Ask, Report, Always, Never}, d.Mode) {
			return nil, fmt.Errorf("unknown mode %.40q", d.Mode)
		}
	}
	return f.Decisions, nil
}

// Told notes that the user has seen the party's notice; first is true if it had
// not been shown before, in this version and for this recipient, or if it says now that
// something else goes unasked and the user has not decided.
func (b *Book) Told(p Party) (first bool, err error) {
	err = b.change(p.Appliance, func(d *Decision) {
		if first = !d.knows(p) || d.Mode == "" && d.Told != p.Mode; !first {
			return
		}
		if d.Mode.unasked() {
			d.Mode = Ask // it was about another text or recipient
		}
		d.To, d.Told, d.Text, d.At = p.whom(), p.Mode, TextVersion, b.now()
	})
	return first, err
}

// knows tells whether a decision is about the text of today and this recipient.
func (d *Decision) knows(p Party) bool { return d.Text == TextVersion && d.To == p.whom() }

// A StrangerError is a configuration that is not signed by whom the user knows the
// appliance by.
type StrangerError struct {
	Appliance, Known, Signer string
}

func (e *StrangerError) Error() string {
	now := "it is not signed"
	if e.Signer != "" {
		now = "it is signed by " + e.Signer
	}
	return fmt.Sprintf("%s, and what ran here before as %q was signed by %s: nothing was run; ask the vendor why, by a way that you trust, "+
		"and to begin anew with this one: vmappliance consent forget %q", now, e.Appliance, e.Known, e.Appliance)
}

// Check refuses a party that is not the known one of its name, with a *StrangerError;
// follows tells whether one signing key follows another.
func (b *Book) Check(p Party, follows func(from, to string) bool) error {
	all, err := b.List()
	if err != nil {
		return err
	}
	i := slices.IndexFunc(all, func(d Decision) bool { return d.Appliance == p.Appliance })
	if i < 0 || all[i].Signer == "" || all[i].Signer == p.Signer || p.Signer != "" && follows(all[i].Signer, p.Signer) {
		return nil
	}
	return &StrangerError{p.Appliance, all[i].Signer, p.Signer}
}

// Meet notes who signed a party that was checked.
func (b *Book) Meet(p Party) error {
	all, err := b.List()
	known := slices.ContainsFunc(all, func(d Decision) bool { return d.Appliance == p.Appliance && d.Signer == p.Signer })
	if err != nil || known || p.Signer == "" {
		return err
	}
	return b.change(p.Appliance, func(d *Decision) {
		if d.Signer = p.Signer; d.At.IsZero() {
			d.At = b.now()
		}
	})
}

// Forget forgets an appliance, who signed it and what the user decided.
func (b *Book) Forget(appliance string) error {
	return b.edit(func(all []Decision) []Decision {
		return slices.DeleteFunc(all, func(d Decision) bool { return d.Appliance == appliance })
	})
}

// Decide notes what the user decided about an appliance that has told them.
func (b *Book) Decide(appliance string, m Mode) error {
	return b.change(appliance, func(d *Decision) { d.Mode, d.At = m, b.now() })
}

// Mode is what counts for a party now.
func (b *Book) Mode(p Party) (Mode, error) {
	r, err := b.Record(p)
	return r.Mode, err
}

// A Record is the consent under which something was made for a party, for the party to
// keep: the mode that counted, the version of the text that the user was shown, and when
// that was, or when the user decided. Where the mode is Ask or Report, the user's yes
// to a recording comes after it was made, and is not in it.
type Record struct {
	Mode Mode      `json:"mode"`
	Text int       `json:"text"`
	At   time.Time `json:"at"`
}

// Record is what counts for a party now.
func (b *Book) Record(p Party) (Record, error) {
	if p.Mode == Never {
		return Record{Mode: Never}, nil
	}
	all, err := b.List()
	if err != nil {
		return Record{Mode: Never}, err
	}
	d := Decision{}
	if i := slices.IndexFunc(all, func(d Decision) bool { return d.Appliance == p.Appliance }); i >= 0 {
		d = all[i]
	}
	r := Record{d.Mode, d.Text, d.At}
	if d.Mode == "" {
		r.Mode = p.Mode
	}
	if r.Mode.unasked() && (!d.knows(p) || d.Mode == "" && d.Told != p.Mode) {
		r.Mode = Ask
	}
	return r, nil
}

// Refused tells whether the user refused an appliance that anything is sent, after a time.
func (b *Book) Refused(appliance string, after time.Time) (bool, error) {
	all, err := b.List()
	return slices.ContainsFunc(all, func(d Decision) bool {
		return d.Appliance == appliance && d.Mode == Never && d.At.After(after)
	}), err
}

// now is as fine as a yes and a no in one second have to be told apart.
func (b *Book) now() time.Time { return b.Now().UTC().Truncate(time.Microsecond) }

// change applies f to the decision about an appliance, and makes it durable.
func (b *Book) change(appliance string, f func(*Decision)) error {
	return b.edit(func(all []Decision) []Decision {
		i := slices.IndexFunc(all, func(d Decision) bool { return d.Appliance == appliance })
		if i < 0 {
			all = append(all, Decision{Appliance: appliance})
			i = len(all) - 1
		}
		f(&all[i])
		slices.SortFunc(all, func(x, y Decision) int { return strings.Compare(x.Appliance, y.Appliance) })
		return all
	})
}

// edit replaces all decisions by what f makes of them, durably.
func (b *Book) edit(f func([]Decision) []Decision) error {
	if err := os.MkdirAll(b.Dir, 0o700); err != nil {
		return fmt.Errorf("write consent: %w", err)
	}
	lock, err := os.OpenFile(filepath.Join(b.Dir, lockName), os.O_RDWR|os.O_CREATE, 0o600)
	if err != nil {
		return fmt.Errorf("write consent: %w", err)
	}
	defer lock.Close()
	if err := syscall.Flock(int(lock.Fd()), syscall.LOCK_EX); err != nil {
		return fmt.Errorf("write consent: %w", err)
	}
	all, err := b.List()
	if err != nil {
		return err
	}
	text, err := json.MarshalIndent(file{schema, f(all)}, "", "  ")
	if err != nil {
		return err
	}
	if err := store.Replace(filepath.Join(b.Dir, fileName), append(text, '\n')); err != nil {
		return fmt.Errorf("write consent: %w", err)
	}
	return nil
}
