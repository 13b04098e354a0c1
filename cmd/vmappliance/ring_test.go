package main

import (
	"encoding/json"
	"os"
	"regexp"
	"slices"
	"strings"
	"testing"

	"vmrecord/configs/bare"
)

// ringed is the configuration of triggers' guests, with a ring that has these lines.
func ringed(lines string) []byte {
	return []byte(strings.Replace(triggersConfig, "RECORD", "[record.ring]\nepoch = 1\n"+lines, 1))
}

// spins lets the host have its turn a few times: 30 million instructions.
func (c code) spins() code { return c.mov(0xb9, 15_000_000).add(0xff, 0xc9, 0x75, 0xfc) }

// What fails outside of a recording, or is saved there, is saved with the ring, as
// often as limits and policies allow.
func TestRingSaves(t *testing.T) {
	// Each guest goes on with a copy.
	fail, line := slices.Clip(code(nil).ask("fail 1 is wrong").spins()), slices.Clip(code(nil).print("BUG: x\n").spins())
	for _, c := range []struct {
		name, config string
		guest        code
		saved        int
		events       []string
	}{
		{"nothing happens", "", code(nil).spins().quits(), 0, []string{`!"fail"`}},
		{"the guest asks", "", code(nil).ask("save it looks odd").sleeps(), 1, []string{`"save","text":"it looks odd"`, `"saved".*"it looks odd"`, `!"fail"`}},
		{"the guest fails", "", fail.sleeps(), 1, []string{`"fail","text":"1 is wrong"`, `"saved".*"1 is wrong"`}},
		{"a line on the console", "", line.sleeps(), 1, []string{`"fail","text":"BUG: x"`}},
		{"pvpanic", "", code(nil).panics().sleeps(), 1, []string{`"fail".*pvpanic`}},
		{"triple fault", "", code(nil).spins().triples(), 1, []string{`"fail".*triple fault at instant`}},
		{"power goes in the tail", "", fail.quits(), 1, []string{`"saved".*"1 is wrong"`}},
		{"again in the tail", "cooldown = 0\n", slices.Concat(fail, line).sleeps(), 1, []string{`"fail","text":"1 is wrong"`, `"fail","text":"BUG: x"`}},
		{"again behind it", "tail = 0\ncooldown = 0\n", slices.Concat(fail, line).sleeps(), 2, nil},
		{"a cooldown", "tail = 0\n", slices.Concat(fail, line).sleeps(), 1, []string{`"skip","name":"ring","text":"cooldown`}},
		{"a cap", "tail = 0\ncooldown = 0\nday_cap = 1\n", slices.Concat(fail, fail).sleeps(), 1, []string{`"skip","name":"ring","text":"1 of this failure`}},
		{"a sample", "sample = 4294967295\n", fail.sleeps(), 0, []string{`"skip".*sample of 1 in`}},
		{"a limit", "tail = 0\ncooldown = 0\n[record.limits]\nrecordings = 1\n", slices.Concat(fail, line).sleeps(), 1, []string{`"skip","name":"ring","text":"record.limits.recordings is 1"`}},
		{"a recording instead", "tail = 0\n", code(nil).ask("start other").spins().ask("fail y").ask("stop drop").spins().ask("fail z").spins().sleeps(), 1,
			[]string{`"stop","uid":1,"name":"other".*"kept":true`, `"saved".*"text":"z"`}},
	} {
		t.Run(c.name, func(t *testing.T) {
			s := newSandbox(t)
			s.write("guest", bzImage(c.guest))
			s.write("a.toml", ringed(c.config))
			r := s.run("vmappliance", "run", "a.toml", "--seed", "1", "--debug-exit", "--max-instants", "8000000000", "--serial", "none", "--events", "events", "--recordings", "recs")
			b, err := os.ReadFile(s.path("events"))
			if err != nil {
				t.Fatalf("%v: status %d: %s", err, r.status, r.errors)
			}
			for _, want := range c.events {
				want, none := strings.CutPrefix(want, "!")
				if regexp.MustCompile(want).Match(b) == none {
					t.Errorf("status %d, %s; is there %s: %v\n%s", r.status, r.errors, want, none, b)
				}
			}
			if n := strings.Count(string(b), `"event":"saved"`); n != c.saved {
				t.Errorf("%d saved, want %d\n%s", n, c.saved, b)
			}
			names, _ := os.ReadDir(s.path("recs"))
			for _, e := range names {
				if !regexp.MustCompile(`^0\d{5}$`).MatchString(e.Name()) {
					continue
				}
				s.want(0, []string{"vmbundle", "pack", "recs/" + e.Name(), e.Name() + ".vmb"})
				s.want(0, []string{"vmbundle", "verify", e.Name() + ".vmb"}, "identical")
			}
		})
	}
}

// A ring whose program is killed leaves what it had on disk as one recording, which
// replays to its last frame.
func TestRingKilled(t *testing.T) {
	s := newSandbox(t)
	s.write("guest", bare.Image(bare.Options{Work: 300_000, Keys: true}))
	s.write("a.toml", ringed("min_age = 1\n")) // its guest sleeps
	c := s.command("vmappliance", "run", "a.toml", "--events", "events", "--recordings", "recs")
	if err := c.Start(); err != nil {
		t.Fatal(err)
	}
	b, ok := waitFor(s.path("events"), regexp.MustCompile(`(?s)("event":"epoch".*){3}`))
	_ = c.Process.Kill()
	_ = c.Wait()
	if !ok {
		t.Fatalf("no three epochs in %s", b)
	}
	var doc recordingsDocument
	list := s.want(0, []string{"vmappliance", "recordings", "list", "--recordings", "recs", "--json"})
	if err := json.Unmarshal([]byte(list.out), &doc); err != nil || len(doc.Recordings) != 1 {
		t.Fatalf("%v: %s", err, list.out)
	}
	e := doc.Recordings[0]
	if e.Open || !e.Summary.Truncated || e.Summary.Why != "the ring was interrupted" || e.Summary.Lost != "" {
		t.Errorf("listed %+v", e)
	}
	s.want(0, []string{"vmbundle", "pack", "recs/" + e.Name, "k.vmb"})
	s.want(0, []string{"vmbundle", "replay", "k.vmb", "--json"}, `"identical": true`, `"truncated": true`)
}
