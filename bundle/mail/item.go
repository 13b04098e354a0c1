package mail

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"time"

	"vmrecord/bundle/store"
)

// A State is where a bundle in the spool stands.
type State string

// The states.
const (
	Held      State = "held"      // not to be sent before Release; Reason says why
	Queued    State = "queued"    // to be sent at the next occasion
	Sending   State = "sending"   // a process is sending it now
	Waiting   State = "waiting"   // tried; again at NextTry
	Sent      State = "sent"      // every part acknowledged
	Halted    State = "stopped"   // refused for good; Fix says what to change
	Expired   State = "expired"   // tried for too long; the file is kept
	Cancelled State = "cancelled" // by the user; the file is kept
	Damaged   State = "damaged"   // unreadable; Reason says how; never touched
)

const (
	itemSchema   = "vmbundle.spool/1"
	maxItemBytes = 1 << 20
	bundleName   = "bundle.vmb"
	itemName     = "item.json"
	lockName     = "lock"
)

// An Item is one bundle in the spool, as item.json holds it.
type Item struct {
	Schema string `json:"schema"`
	Bundle
	State    State     `json:"state"`
	QueuedAt time.Time `json:"queued_at"`          // also the messages' Date
	TriedAt  time.Time `json:"tried_at,omitzero"`  // start of the last try
	NextTry  time.Time `json:"next_try,omitzero"`  // while waiting
	GiveUpAt time.Time `json:"give_up_at"`         // no try later than this
	Attempts int       `json:"attempts,omitempty"` // failed in a row
	// PartBytes is the part size in use, 0 before the first try; Have is the bytes
	// acknowledged.
	PartBytes int64  `json:"part_bytes,omitempty"`
	Have      Ranges `json:"have,omitempty"`
	Server    string `json:"server,omitempty"` // of the last try
	Reply     string `json:"reply,omitempty"`  // its last reply
	Reason    string `json:"reason,omitempty"` // why it waits or stopped
	Fix       string `json:"fix,omitempty"`    // what to do about it
	// Status is what became of it at the vendor, when last asked.
	Status Status `json:"status,omitempty"`

	Path string `json:"-"` // of the bundle's copy in the spool
}

// Parts returns how many parts there are and how many are acknowledged; 0, 0 before
// the first try.
func (it Item) Parts() (have, all int) {
	if it.PartBytes == 0 {
		return 0, 0
	}
	s := Split{it.Bundle, it.PartBytes}
	return int(s.Have(it.Have).Len()), s.Parts()
}

// readItem reads dir/item.json. The directory's name, its file and the numbers must
// agree; an error says what is wrong and leaves everything as it is.
func readItem(dir string) (Item, error) {
	data, err := readLimited(filepath.Join(dir, itemName), maxItemBytes)
	if err != nil {
		return Item{}, err
	}
	it, err := parseItem(data)
	if err != nil {
		return Item{}, err
	}
	if name := it.ID + "." + it.UUID; filepath.Base(dir) != name {
		return Item{}, fmt.Errorf("%s is about %s, not %s", itemName, name, filepath.Base(dir))
	}
	it.Path = filepath.Join(dir, bundleName)
	st, err := os.Lstat(it.Path)
	if err != nil {
		return Item{}, err
	}
	if !st.Mode().IsRegular() || st.Size() != it.Size {
		return Item{}, fmt.Errorf("%s is not the file of %d bytes that was queued", bundleName, it.Size)
	}
	return it, nil
}

// parseItem checks what item.json says.
func parseItem(data []byte) (Item, error) {
	var it Item
	d := json.NewDecoder(bytes.NewReader(data))
	if err := d.Decode(&it); err != nil {
		return it, fmt.Errorf("read %s: %w", itemName, err)
	}
	if it.Schema != itemSchema {
		return it, fmt.Errorf("%s is %.40q, this program reads %q", itemName, it.Schema, itemSchema)
	}
	if err := it.Bundle.Check(); err != nil {
		return it, err
	}
	if err := it.Have.check(it.Size); err != nil {
		return it, fmt.Errorf("%s: have: %w", itemName, err)
	}
	if it.PartBytes != 0 {
		if err := (Split{it.Bundle, it.PartBytes}).Check(); err != nil {
			return it, fmt.Errorf("%s: %w", itemName, err)
		}
	}
	if it.Status != "" && !statusForm.MatchString(string(it.Status)) {
		return it, fmt.Errorf("%s: status %.60q", itemName, it.Status)
	}
	if it.Attempts < 0 {
		return it, fmt.Errorf("%s: attempts %d", itemName, it.Attempts)
	}
	switch it.State {
	case Held, Queued, Sending, Waiting, Sent, Halted, Expired, Cancelled:
		return it, nil
	}
	return it, fmt.Errorf("%s: unknown state %.40q", itemName, it.State)
}

// writeItem makes it durable in dir.
func writeItem(dir string, it Item) error {
	data, err := json.MarshalIndent(it, "", "  ")
	if err != nil {
		return fmt.Errorf("write %s: %w", itemName, err)
	}
	return store.Replace(filepath.Join(dir, itemName), append(data, '\n'))
}

func readLimited(path string, limit int64) ([]byte, error) {
	f, err := os.Open(path)
	if err != nil {
		return nil, err
	}
	defer f.Close()
	data, err := io.ReadAll(io.LimitReader(f, limit+1))
	if err != nil {
		return nil, fmt.Errorf("read %s: %w", path, err)
	}
	if int64(len(data)) > limit {
		return nil, fmt.Errorf("%s is longer than %d bytes", path, limit)
	}
	return data, nil
}

// ErrBusy says that another process, or another goroutine, is sending the item.
var ErrBusy = errors.New("it is being sent just now")

// ErrHeld says that the item is not to be sent before it is released.
var ErrHeld = errors.New("it waits for consent: vmappliance send gives it")

// lockItem takes the item's lock, held until the file is closed or the process
// dies. A moment's patience lets a List that is testing the lock go by.
func lockItem(dir string) (*os.File, error) {
	f, err := os.OpenFile(filepath.Join(dir, lockName), os.O_RDWR|os.O_CREATE, 0o600)
	if err != nil {
		return nil, err
	}
	for try := 0; ; try++ {
		err = syscall.Flock(int(f.Fd()), syscall.LOCK_EX|syscall.LOCK_NB)
		if err == nil {
			return f, nil
		}
		if !errors.Is(err, syscall.EWOULDBLOCK) || try == 20 {
			f.Close()
			if errors.Is(err, syscall.EWOULDBLOCK) {
				return nil, ErrBusy
			}
			return nil, fmt.Errorf("lock %s: %w", dir, err)
		}
		time.Sleep(5 * time.Millisecond)
	}
}

// locked reports whether someone holds the item's lock.
func locked(dir string) bool {
	f, err := os.Open(filepath.Join(dir, lockName))
	if err != nil {
		return false
	}
	defer f.Close()
	return errors.Is(syscall.Flock(int(f.Fd()), syscall.LOCK_SH|syscall.LOCK_NB), syscall.EWOULDBLOCK)
}

// clearTemporary removes what a killed writeItem left. The caller holds the lock.
func clearTemporary(dir string) error {
	es, err := os.ReadDir(dir)
	if err != nil {
		return err
	}
	for _, e := range es {
		if strings.HasPrefix(e.Name(), "."+itemName) {
			if err := os.Remove(filepath.Join(dir, e.Name())); err != nil {
				return err
			}
		}
	}
	return nil
}
