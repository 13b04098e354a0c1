package tree

import (
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"regexp"
	"strings"

	"github.com/google/renameio/v2"

	"vmrecord/bundle"
	"vmrecord/bundle/recording"
	"vmrecord/vmm"
)

const (
	format       = "vmrecord.stub/1"
	elsewhere    = "elsewhere"
	stubExt      = ".json"
	maxStubBytes = 1 << 20
)

// A stub is what is remembered of a recording that is not on the shelf.
type stub struct {
	Format    string            `json:"format"`
	ID        string            `json:"id"`
	File      string            `json:"file,omitzero"` // none: it was dropped
	Label     recording.Label   `json:"label,omitzero"`
	Branch    *recording.Branch `json:"branch,omitzero"`
	Feature   string            `json:"feature,omitzero"`
	Failure   string            `json:"failure,omitzero"`
	Truncated bool              `json:"truncated,omitzero"`
	Hz        uint64            `json:"hz"`
	Start     vmm.Position      `json:"start"`
	End       vmm.Position      `json:"end"`
	Bytes     int64             `json:"bytes"`
}

// Remember notes the bundle in a file, or the recording in a folder, that a
// branch on the shelf in dir is about to leave. What people wrote on it stays.
func Remember(dir, file string, b *bundle.Bundle) (err error) {
	if file, err = filepath.Abs(file); err == nil {
		dir, err = filepath.Abs(dir)
	}
	if err != nil || filepath.Dir(file) == dir {
		return err // nil: it is on the shelf
	}
	s := stubOf(file, b)
	if old, err := readStub(stubPath(dir, s.ID)); err == nil {
		s.Label = old.Label
	}
	return s.save(dir)
}

func stubOf(file string, b *bundle.Bundle) stub {
	m := b.Manifest()
	s := stub{ID: b.ID(), File: file, Branch: m.Recording.Branch, Feature: m.Recording.Feature, Truncated: m.Tape.Truncated,
		Hz: m.Machine.Hz, Start: m.Tape.Start, End: m.Tape.End, Bytes: b.Inspect().Bytes}
	if m.Failure != nil {
		s.Failure = m.Failure.Text
	}
	return s
}

// Lone is the node of a recording that nothing left.
func Lone(file string, b *bundle.Bundle) *Node {
	n := elsewhereNode(stubOf(file, b))
	n.Children = []*Node{}
	n.clock(n.Position.At, max(n.stub.Hz, 1))
	return n
}

func stubPath(dir, id string) string { return filepath.Join(dir, elsewhere, id+stubExt) }

func (s stub) save(dir string) error {
	if !regexp.MustCompile(`^[0-9A-Z-]{1,40}$`).MatchString(s.ID) {
		return fmt.Errorf("remember recording %.60q: that is no id", s.ID)
	}
	s.Format = format
	b, err := json.MarshalIndent(s, "", "  ")
	if err == nil {
		err = os.MkdirAll(filepath.Join(dir, elsewhere), 0o700)
	}
	if err == nil {
		err = renameio.WriteFile(stubPath(dir, s.ID), append(b, '\n'), 0o600)
	}
	if err != nil {
		return fmt.Errorf("remember recording %s: %w", s.ID, err)
	}
	return nil
}

// readStub reads one; it is untrusted.
func readStub(path string) (s stub, err error) {
	f, err := os.Open(path)
	if err != nil {
		return s, err
	}
	defer f.Close()
	b, err := io.ReadAll(io.LimitReader(f, maxStubBytes))
	if err == nil {
		err = json.Unmarshal(b, &s)
	}
	if err != nil {
		return s, fmt.Errorf("%s: %w", path, err)
	}
	if s.Format != format || s.ID+stubExt != filepath.Base(path) {
		return s, fmt.Errorf("%s is of format %.40q about %.40q; this program reads %q", path, s.Format, s.ID, format)
	}
	return s, nil
}

// stubs reads all that can be read.
func stubs(dir string) (all []stub, err error) {
	names, err := os.ReadDir(filepath.Join(dir, elsewhere))
	if err != nil && !errors.Is(err, os.ErrNotExist) {
		return nil, err
	}
	for _, n := range names {
		if !strings.HasSuffix(n.Name(), stubExt) {
			continue
		}
		if s, err := readStub(filepath.Join(dir, elsewhere, n.Name())); err == nil {
			all = append(all, s)
		}
	}
	return all, nil
}
