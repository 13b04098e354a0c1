package recording

import (
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"

	"vmrecord/bundle/store"
)

// A Label is what people wrote on a recording. Nothing of the recording changes
// with it.
type Label struct {
	Name string `json:"name,omitzero"`
	Note string `json:"note,omitzero"`
}

// SetLabel labels the recording in a directory of a shelf, which may be in use.
func SetLabel(dir string, l Label) error {
	if err := replaceJSON(dir, labelFile, l); err != nil {
		return fmt.Errorf("label recording %s: %w", dir, err)
	}
	return nil
}

func readLabel(dir string) (l Label, err error) {
	b, err := limited(filepath.Join(dir, labelFile), maxMetaBytes)
	if errors.Is(err, os.ErrNotExist) {
		return l, nil
	}
	if err == nil {
		err = json.Unmarshal(b, &l)
	}
	return l, err
}

// replaceJSON writes a small file anew, as JSON.
func replaceJSON(dir, name string, v any) error {
	b, err := json.MarshalIndent(v, "", "  ")
	if err != nil {
		return err
	}
	name = filepath.Join(dir, name)
	os.Remove(name + partExt)
	if err := save(store.Disk{}, name+partExt, append(b, '\n')); err != nil {
		return err
	}
	return os.Rename(name+partExt, name)
}

// A Weight is what a recording takes on disk.
type Weight struct {
	Own    int64 // its own files, and the pages that no other recording of the shelf has
	Shared int64 // the pages that others have too
}

// Weigh weighs all recordings of a shelf, which may be in use. What cannot be
// read weighs nothing.
func Weigh(dir string) (map[string]Weight, error) {
	all, err := List(dir)
	if err != nil {
		return nil, err
	}
	st, err := store.OpenReader(filepath.Join(dir, pagesDir))
	if err != nil {
		return nil, fmt.Errorf("weigh recordings: %w", err)
	}
	defer st.Close()
	pages, users := map[string][]store.Hash{}, map[store.Hash]int{}
	for _, e := range all {
		p, err := readPages(filepath.Join(dir, e.Name))
		if err != nil {
			continue
		}
		slices.SortFunc(p, func(a, b store.Hash) int { return slices.Compare(a[:], b[:]) })
		pages[e.Name] = slices.Compact(p)
		for _, h := range pages[e.Name] {
			users[h]++
		}
	}
	weights := map[string]Weight{}
	for name, p := range pages {
		w := Weight{Own: measure(filepath.Join(dir, name))}
		for _, h := range p {
			if users[h] == 1 {
				w.Own += st.Cost(h)
			} else {
				w.Shared += st.Cost(h)
			}
		}
		weights[name] = w
	}
	return weights, nil
}

// Settle lists a shelf like List, after what a killed program left there was
// recovered. While the shelf is in use, what is being made stays as it is.
func Settle(dir string) ([]Entry, error) {
	all, err := List(dir)
	if err != nil {
		return nil, err
	}
	epochs, err := ringDirs(dir)
	if err != nil || len(epochs) == 0 && !slices.ContainsFunc(all, func(e Entry) bool { return e.Open }) {
		return all, err
	}
	s, err := OpenShelf(dir, Limits{})
	if errors.Is(err, ErrInUse) {
		return all, nil
	}
	if err == nil {
		err = s.Close()
	}
	if err != nil {
		return nil, err
	}
	return List(dir)
}
