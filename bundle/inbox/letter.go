package inbox

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
)

const (
	letterSchema = "vmbundle.letter/1"
	sinceSchema  = "vmbundle.since/1"
	lettersDir   = "letters"
	sentDir      = "letters/sent"
	sinceName    = "since.json"
)

// Where a letter stands.
const (
	Waiting = "waiting" // to be sent at NextTry
	Sent    = "sent"
	Stopped = "stopped" // refused for good, or tried for too long; Reason says why
)

// A Letter is what the inbox tells somebody, once.
type Letter struct {
	Schema   string          `json:"schema"`
	Name     string          `json:"name"` // of its file; the same at each try
	To       string          `json:"to"`   // mailto:ADDRESS or webhook:URL
	Report   string          `json:"report"`
	Bucket   string          `json:"bucket,omitempty"` // that it announces
	Subject  string          `json:"subject"`
	Text     string          `json:"text"`
	Thread   string          `json:"message_id,omitempty"` // that it answers
	Data     json.RawMessage `json:"data,omitempty"`       // a webhook's body
	State    string          `json:"state"`
	Written  time.Time       `json:"written"`
	Attempts int             `json:"attempts,omitempty"` // that failed
	NextTry  time.Time       `json:"next_try,omitzero"`  // while waiting
	SentAt   time.Time       `json:"sent_at,omitzero"`
	Reason   string          `json:"reason,omitempty"`
}

// Letters are all that were written, oldest first.
func (b *Inbox) Letters() (all []Letter, err error) {
	for _, dir := range []string{lettersDir, sentDir} {
		names, err := b.letterNames(dir)
		if err != nil {
			return nil, err
		}
		for _, n := range names {
			l, err := b.readLetter(dir, n)
			if errors.Is(err, fs.ErrNotExist) {
				continue // sent, or purged, while we looked
			}
			if err != nil {
				return nil, err
			}
			all = append(all, l)
		}
	}
	slices.SortStableFunc(all, func(x, y Letter) int { return x.Written.Compare(y.Written) })
	return slices.CompactFunc(all, func(x, y Letter) bool { return x.Name == y.Name }), nil
}

// letterNames are the letters in one of the two folders.
func (b *Inbox) letterNames(dir string) (names []string, err error) {
	es, err := os.ReadDir(b.path(dir))
	if errors.Is(err, fs.ErrNotExist) {
		return nil, nil
	}
	for _, e := range es {
		if n, ok := strings.CutSuffix(e.Name(), ".json"); ok && e.Type().IsRegular() && e.Name() != sinceName && !strings.HasPrefix(n, ".") {
			names = append(names, n)
		}
	}
	return names, err
}

func (b *Inbox) readLetter(dir, name string) (l Letter, err error) {
	if err = readDocument(b.path(dir, name+".json"), letterSchema, maxJSONBytes, &l); err == nil && l.Name != name {
		err = fmt.Errorf("%s is %.80q", b.path(dir, name+".json"), l.Name)
	}
	return l, err
}

// write makes a letter durable, unless there was one of its name.
func (b *Inbox) write(l Letter) error {
	unlock, err := b.lock()
	if err != nil {
		return err
	}
	defer unlock()
	for _, dir := range []string{lettersDir, sentDir} {
		if _, err := os.Lstat(b.path(dir, l.Name+".json")); !errors.Is(err, fs.ErrNotExist) {
			return err
		}
	}
	if err := os.MkdirAll(b.path(sentDir), 0o700); err != nil {
		return err
	}
	l.Schema, l.State, l.Written = letterSchema, Waiting, b.now()
	return writeJSON(b.path(lettersDir, l.Name+".json"), l)
}

// file notes what became of a letter. One that was sent moves; killed in between, it
// is in both folders, and sent.
func (b *Inbox) file(l Letter) error {
	old := b.path(lettersDir, l.Name+".json")
	if l.State != Sent {
		return writeJSON(old, l)
	}
	if err := writeJSON(b.path(sentDir, l.Name+".json"), l); err != nil {
		return err
	}
	return os.Remove(old)
}

// forgetLetters removes what was written about a report. The caller holds the lock.
func (b *Inbox) forgetLetters(r Report) error {
	for _, dir := range []string{lettersDir, sentDir} {
		names, err := b.letterNames(dir)
		if err != nil {
			return err
		}
		for _, n := range names {
			if !strings.HasPrefix(n, key(r.Bundle)+".") {
				continue
			}
			if err := os.Remove(b.path(dir, n+".json")); err != nil && !errors.Is(err, fs.ErrNotExist) {
				return err
			}
		}
	}
	return nil
}

// lockLetters keeps other processes from sending; ok is false if one does.
func (b *Inbox) lockLetters() (unlock func(), ok bool, err error) {
	if err := os.MkdirAll(b.path(sentDir), 0o700); err != nil {
		return nil, false, err
	}
	f, err := os.OpenFile(b.path(lettersDir, "lock"), os.O_RDWR|os.O_CREATE, 0o600)
	if err != nil {
		return nil, false, err
	}
	err = syscall.Flock(int(f.Fd()), syscall.LOCK_EX|syscall.LOCK_NB)
	if err == nil {
		return func() { f.Close() }, true, nil
	}
	f.Close()
	if errors.Is(err, syscall.EWOULDBLOCK) {
		err = nil
	}
	return nil, false, err
}

// since is when somebody was to be told for the first time: what came before is not
// news.
func (b *Inbox) since(whom string) (time.Time, error) {
	unlock, err := b.lock()
	if err != nil {
		return time.Time{}, err
	}
	defer unlock()
	var f struct {
		Schema string               `json:"schema"`
		Since  map[string]time.Time `json:"since"`
	}
	path := b.path(lettersDir, sinceName)
	if err := optional(path, sinceSchema, maxJSONBytes, &f); err != nil {
		return time.Time{}, err
	}
	if t, ok := f.Since[whom]; ok {
		return t, nil
	}
	if f.Since == nil {
		f.Since = map[string]time.Time{}
	}
	f.Schema, f.Since[whom] = sinceSchema, b.now()
	if err := os.MkdirAll(filepath.Dir(path), 0o700); err != nil {
		return time.Time{}, err
	}
	return f.Since[whom], writeJSON(path, f)
}
