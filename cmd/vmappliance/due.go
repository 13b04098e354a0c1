package main

import (
	"crypto/sha256"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"vmrecord/bundle/recording"
	"vmrecord/bundle/store"
)

// A due is a recording that was kept and whose bundle is not in the outbox yet: a
// file in the outbox's folder due/, there before anybody is told that the recording
// is kept. What a run that was killed, or met a full disk, left there is carried by
// the next run that records on the same shelf for the same vendor.
type due struct {
	Schema    string            `json:"schema"`    // vmappliance.due/1
	Recording string            `json:"recording"` // its folder
	Feature   string            `json:"feature,omitzero"`
	Failure   string            `json:"failure,omitzero"`
	Appliance string            `json:"appliance"`
	To        string            `json:"to"`
	Submit    string            `json:"submit"`
	Summary   recording.Summary `json:"summary"` // as it was kept
}

const (
	dueSchema = "vmappliance.due/1"
	dueExt    = ".json"
	packExt   = ".pack" // the folder in which its bundle is made
)

// due is what there is to carry of a recording, and the file that says so.
func (c *courier) due(k *kept) (d due, file string, err error) {
	from, err := filepath.Abs(filepath.Join(c.shelf, k.Summary.Name))
	if err != nil {
		return d, "", err
	}
	d = due{dueSchema, from, k.Feature, k.Failure, c.party.Appliance, c.party.To, c.party.Submit, k.Summary}
	name := fmt.Sprintf("%x", sha256.Sum256([]byte(from)))[:16]
	return d, filepath.Join(c.post.dues, name+dueExt), nil
}

// owe makes durable that a recording is to be carried.
func (c *courier) owe(k *kept) error {
	d, file, err := c.due(k)
	if err != nil {
		return err
	}
	b, err := json.Marshal(d)
	if err != nil {
		return err
	}
	return store.Replace(file, b)
}

// bench makes the folder in which a recording's bundles are made. A run that was
// killed may have left one.
func (c *courier) bench(k *kept) (dir string, err error) {
	_, file, err := c.due(k)
	if err != nil {
		return "", err
	}
	dir = strings.TrimSuffix(file, dueExt) + packExt
	return dir, errors.Join(os.RemoveAll(dir), os.Mkdir(dir, 0o700))
}

// A made is a recording that the outbox has the bundle of: its folder, and the hash
// that it ends with.
type made struct{ recording, end string }

// queued are those.
func (c *courier) queued() (all map[made]bool, err error) {
	items, err := c.post.spool.List()
	all = map[made]bool{}
	for _, it := range items {
		if w, err := c.post.way(it); err == nil && w.Of == "" {
			all[made{w.Recording, w.End}] = true
		}
	}
	return all, err
}

// paid forgets it: the bundle is in the outbox, or nobody wants it.
func (c *courier) paid(k *kept) error {
	_, file, err := c.due(k)
	if err != nil {
		return err
	}
	if err := os.Remove(file); err != nil && !errors.Is(err, os.ErrNotExist) {
		return err
	}
	return os.RemoveAll(strings.TrimSuffix(file, dueExt) + packExt)
}

// left lists what earlier runs left to be carried, the oldest first, and forgets
// recordings that are queued, or not there any more.
func (c *courier) left() (all []*kept, err error) {
	files, err := filepath.Glob(filepath.Join(c.post.dues, "*"+dueExt))
	if err != nil || len(files) == 0 {
		return nil, err
	}
	entries, err := recording.List(c.shelf)
	if err != nil {
		return nil, err
	}
	queued, err := c.queued()
	if err != nil {
		return nil, err
	}
	for _, file := range files {
		b, err := os.ReadFile(file)
		var d due
		if err == nil {
			err = json.Unmarshal(b, &d)
		}
		if err != nil || d.Schema != dueSchema {
			return all, fmt.Errorf("%s cannot be read (%v); to see the recordings: vmappliance recordings list", file, err)
		}
		k := &kept{Feature: d.Feature, Failure: d.Failure, Summary: d.Summary}
		if ours, own, err := c.due(k); err != nil || own != file || d.Appliance != ours.Appliance || d.To != ours.To || d.Submit != ours.Submit {
			continue // another shelf's, or another vendor's
		}
		// The name may be another recording's by now.
		there := slices.ContainsFunc(entries, func(e recording.Entry) bool {
			return e.Name == d.Summary.Name && e.Summary.Start == d.Summary.Start && (e.Summary.EndHash == d.Summary.EndHash || d.Summary.EndHash == "")
		})
		if there && !queued[made{d.Recording, d.Summary.EndHash}] {
			all = append(all, k)
		} else if err := c.paid(k); err != nil {
			return all, err
		}
	}
	slices.SortFunc(all, func(a, b *kept) int { return strings.Compare(a.Summary.Name, b.Summary.Name) })
	return all, nil
}
