package main

import (
	"encoding/json"
	"fmt"
	"math/rand/v2"
	"os"
	"regexp"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"
)

// A live recording, its program killed at any moment, replays to the last frame
// that was reported durable, or farther.
func TestKill(t *testing.T) {
	const seed = 20_260_301
	kills, need := 20, 15
	if testing.Short() {
		kills, need = 2, 1
	}
	var found atomic.Int32
	var wait sync.WaitGroup
	const folders = 5 // each is killed in and recovered again and again
	for n := range min(folders, kills) {
		s := newSandbox(t)
		s.write("keys", []byte("100ms \"x\"\n+20ms \"x\" x 2000\n"))
		rng := rand.New(rand.NewPCG(seed, uint64(n)))
		wait.Go(func() {
			for i := n; i < kills; i += folders {
				if killed(s, i, rng) {
					found.Add(1)
				}
			}
		})
	}
	wait.Wait()
	if int(found.Load()) < need {
		t.Errorf("seed %d: %d of %d kills found durable frames, want %d", seed, found.Load(), kills, need)
	}
}

// killed makes and kills the round's run, and tells whether frames were durable.
// Every sixth kill comes before that is likely.
func killed(s *sandbox, round int, rng *rand.Rand) bool {
	wrong := func(f string, a ...any) bool {
		s.t.Errorf("kill %d: %s", round, fmt.Sprintf(f, a...))
		return false
	}
	name := fmt.Sprintf("events%d", round)
	c := s.command("vmappliance", "run", "--kernel", "keys-guest", "--memory", "4M", "--recordings", "recs",
		"--record-from-start", "all", "--keys", "keys", "--events", name)
	if err := c.Start(); err != nil {
		return wrong("%v", err)
	}
	until := `"event":"durable"`
	if round%6 == 5 {
		until = `"event":"boot"`
	}
	b, ok := waitFor(s.path(name), regexp.MustCompile(until))
	time.Sleep(time.Duration(rng.Int64N(int64(1200 * time.Millisecond))))
	_ = c.Process.Kill()
	_ = c.Wait()
	if !ok {
		return wrong("no %s in %s", until, b)
	}
	last, durable := lastDurable(s.path(name))
	list := s.run("vmappliance", "recordings", "list", "--recordings", "recs", "--json")
	var doc recordingsDocument
	if err := json.Unmarshal([]byte(list.out), &doc); list.status != 0 || err != nil || len(doc.Recordings) == 0 {
		return wrong("%v: %+v", err, list)
	}
	e := doc.Recordings[len(doc.Recordings)-1]
	if !durable {
		// It may be lost, and then says so.
		if e.Open || e.Err == "" && e.Summary.Lost == "" && !e.Summary.Truncated {
			wrong("not recovered: %+v", e)
		}
		return false
	}
	if e.Name != last.Name || e.Open || !e.Summary.Truncated || e.Summary.Frames < last.Frames {
		return wrong("durable %+v, recovered %+v", last, e)
	}
	bundle := fmt.Sprintf("%d.vmb", round)
	if r := s.run("vmbundle", "pack", "recs/"+e.Name, bundle); r.status != 0 {
		return wrong("pack: %+v", r)
	}
	var man struct {
		Manifest struct{ Tape struct{ Frames uint64 } }
	}
	r := s.run("vmbundle", "inspect", bundle, "--json")
	if err := json.Unmarshal([]byte(r.out), &man); err != nil || man.Manifest.Tape.Frames < last.Frames {
		return wrong("durable %+v, packed %+v", last, r)
	}
	r = s.run("vmbundle", "replay", bundle, "--json")
	var res struct{ Identical, Truncated, Ended bool }
	if err := json.Unmarshal([]byte(r.out), &res); r.status != 0 || err != nil || !res.Identical || !res.Truncated || !res.Ended {
		return wrong("durable %+v, replayed %+v", last, r)
	}
	return true
}

// lastDurable is the last report of durable frames; the last line may be cut off.
func lastDurable(name string) (last event, ok bool) {
	b, _ := os.ReadFile(name)
	for line := range strings.Lines(string(b)) {
		var e event
		if json.Unmarshal([]byte(line), &e) == nil && e.Event == "durable" {
			last, ok = e, true
		}
	}
	return last, ok
}
