package main

import (
	"encoding/json"
	"os"
	"regexp"
	"strings"
	"time"

	"vmrecord/bundle/recording"
	"vmrecord/configs/bare"
)

// The recorder: vmappliance run, while it records. What it acknowledges are
// frames that are durable, and a recording that is kept.
var recorderStage = stage{"recorder", 1200 * time.Millisecond, guests, openRecorder}

// guests makes one that powers off at once and one that works while keys come, the
// keys of a second and a half, and those of a minute.
func guests(r *room) error {
	for name, b := range map[string][]byte{
		"guest": bare.Image(bare.Options{}),
		"busy":  bare.Image(bare.Options{Keys: true}),
		"short": []byte("100ms \"x\"\n+20ms \"x\" x 60\n+20ms \"q\"\n"),
		"quick": []byte("200ms \"x\"\n+20ms \"q\"\n"),
		"long":  []byte("100ms \"x\"\n+20ms \"x\" x 3000\n+20ms \"q\"\n"),
	} {
		if err := os.WriteFile(r.path(name), b, 0o600); err != nil {
			return err
		}
	}
	return nil
}

type recorder struct {
	*room
	keys string
}

func openRecorder(r *room, short bool) (work, error) {
	if short {
		return &recorder{r, "short"}, nil
	}
	return &recorder{r, "long"}, nil
}

func (w *recorder) program() ([]string, []int) {
	return []string{"vmappliance", "run", "--kernel", "busy", "--memory", "4M", "--recordings", "recs",
		"--record-from-start", "all", "--keys", w.keys, "--events", w.aside("events")}, []int{0}
}

func (w *recorder) beside(p *process) { <-p.gone.Done() }
func (w *recorder) close()            {}

// An event is what matters here of a line of --events.
type event struct {
	Event  string
	Name   string
	Frames uint64
	Kept   bool
}

// durable is the last report of durable frames; the last line may be cut off.
func (w *recorder) durable() (last event) {
	b, _ := os.ReadFile(w.aside("events")) // none: nothing was reported
	for line := range strings.Lines(string(b)) {
		var e event
		if json.Unmarshal([]byte(line), &e) == nil && e.Event == "durable" {
			last = e
		}
	}
	return last
}

var keptLine = regexp.MustCompile(`● REC (\S+): .*, kept`)

func (w *recorder) acknowledged(p *process) bool {
	return w.durable().Frames > 0 || len(p.said.all(keptLine)) > 0
}

func (w *recorder) check(p *process, ended bool) error {
	all, err := recordings(w.room, "--recordings", "recs")
	if err != nil {
		return stuck("%w", err)
	}
	last, kept := w.durable(), len(p.said.all(keptLine)) > 0
	if (last.Frames > 0 || kept) && len(all) != 1 {
		return lost("%d recordings, of which %d frames of one were durable, kept: %v", len(all), last.Frames, kept)
	}
	if last.Frames > 0 || kept {
		e := all[0]
		if e.Open || e.Err != "" || e.Summary.Lost != "" || e.Summary.Frames < last.Frames {
			return lost("durable %+v, recovered %+v", last, e)
		}
		if ended && e.Summary.Truncated {
			return lost("it was whole, and is %+v", e.Summary)
		}
		if err := replays(w.room, "recs/"+e.Name, last.Frames); err != nil {
			return err
		}
	}
	if ended && !kept {
		return lost("it ended well, but says nothing of what it kept: %s", p.said.String())
	}
	if _, err := w.run([]int{0}, "vmappliance", "run", "--kernel", "guest", "--memory", "4M", "--recordings", "recs", "--record-from-start", "all"); err != nil {
		return stuck("%w", err)
	}
	return nil
}

// recordings lists a shelf.
func recordings(r *room, flags ...string) ([]recording.Entry, error) {
	out, err := r.run([]int{0}, append([]string{"vmappliance", "recordings", "list", "--json"}, flags...)...)
	if err != nil {
		return nil, err
	}
	var doc struct{ Recordings []recording.Entry }
	return doc.Recordings, json.Unmarshal([]byte(out), &doc)
}

// replays packs a recording and replays its bundle, which must have so many frames
// of tape.
func replays(r *room, dir string, frames uint64) error {
	const file = "replayed.vmb"
	if _, err := r.run([]int{0}, "vmbundle", "pack", dir, file); err != nil {
		return lost("%w", err)
	}
	out, err := r.run([]int{0}, "vmbundle", "inspect", file, "--json")
	if err != nil {
		return half("%w", err)
	}
	var doc struct {
		Manifest struct{ Tape struct{ Frames uint64 } }
	}
	if err := json.Unmarshal([]byte(out), &doc); err != nil || doc.Manifest.Tape.Frames < frames {
		return lost("%d frames were durable, %d are packed (%v)", frames, doc.Manifest.Tape.Frames, err)
	}
	return verified(r, file)
}

// verified replays a bundle.
func verified(r *room, file string) error {
	out, err := r.run([]int{0}, "vmbundle", "replay", file, "--json")
	if err != nil {
		return half("%w", err)
	}
	var res struct{ Identical bool }
	if err := json.Unmarshal([]byte(out), &res); err != nil || !res.Identical {
		return half("%s replays to %s", file, out)
	}
	return nil
}
