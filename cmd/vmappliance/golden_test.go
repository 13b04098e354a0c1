package main

import (
	"bytes"
	"errors"
	"io"
	"strings"
	"testing"
	"time"

	"vmrecord/bundle"
	"vmrecord/cmd/internal/machine"
	"vmrecord/vmm"
	"vmrecord/vmm/tape"
)

// A wakened is what the tape of a run from a golden says of its beginning.
type wakened struct {
	inputs map[string]string // by inlet, of the first instant
	uuid   string            // of the machine
	date   time.Time         // at the start
}

// TestTwoOfOneGolden: two runs from one golden have today's date, ids and entropy of
// their own, which stand on their tapes, and both recordings replay.
func TestTwoOfOneGolden(t *testing.T) {
	s := newSandbox(t)
	config := strings.Replace(string(configuration("keys-guest", "1")), `"always"`, `"never"`, 1)
	s.write("a.toml", []byte(config))
	lines := s.want(0, []string{"vmappliance", "build", "--golden", "g.vmg", "a.toml"}).out
	s.write("g.toml", []byte(strings.Replace(config, "[vendor]", lines+"[vendor]", 1)))
	s.write("q", []byte("+1ms \"q\"\n"))
	var both [2]wakened
	for i, dir := range []string{"one", "two"} {
		before := time.Now().Truncate(time.Second)
		s.want(0, []string{"vmappliance", "run", "g.toml", "--keys", "q", "--record-from-start", "all", "--recordings", dir, "--json"}, `"golden": true`)
		w := s.wakened(dir + "/000001")
		if w.date.Before(before) || w.date.After(time.Now()) {
			t.Errorf("%s begins at %s, it is %s", dir, w.date, before)
		}
		both[i] = w
		s.want(0, []string{"vmbundle", "replay", dir + "/000001", "--quiet"}, "identical: ")
	}
	for _, inlet := range []string{vmm.InletEntropy, machine.Control} {
		if x, y := both[0].inputs[inlet], both[1].inputs[inlet]; x == "" || x == y {
			t.Errorf("%s was told %q and %q", inlet, x, y)
		}
	}
	r := s.want(0, []string{"vmappliance", "run", "g.toml", "--keys", "q", "--record-from-start", "all", "--rehearse", "--json"}, `"level": "L2"`, "and verified")
	if strings.Contains(r.errors, "not left out") {
		t.Error(r.errors)
	}
	if both[0].uuid == both[1].uuid || both[0].inputs[vmm.InletLeap] == "" {
		t.Errorf("%+v", both)
	}
}

func (s *sandbox) wakened(dir string) wakened {
	s.t.Helper()
	b, err := bundle.OpenRecording(s.path(dir))
	if err != nil {
		s.t.Fatal(err)
	}
	defer b.Close()
	m := b.Manifest()
	spec, err := machine.Parse(m.Machine.Config)
	if err != nil {
		s.t.Fatal(err)
	}
	w := wakened{map[string]string{}, spec.UUID, time.Unix(int64(m.Machine.Epoch+uint64(m.Tape.Start.At)/m.Machine.Hz), 0)}
	r, err := b.Tape()
	if err != nil {
		s.t.Fatal(err)
	}
	for {
		f, err := r.Next()
		if errors.Is(err, io.EOF) {
			return w
		}
		if err != nil {
			s.t.Fatal(err)
		}
		if f.Kind == tape.KindInput && f.Pos.At == m.Tape.Start.At {
			w.inputs[f.Input.Inlet] = string(bytes.Clone(f.Input.Data))
		}
	}
}
