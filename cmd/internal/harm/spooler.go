package main

import (
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"syscall"
	"time"

	"vmrecord/bundle/mail"
	"vmrecord/bundle/recording"
)

// The spooler: vmappliance run, which packs what it kept behind the guest and puts
// it into the outbox. The vendor's server is not there. What it acknowledges are
// recordings that are kept and bundles that are saved.
var spoolerStage = stage{"spooler", 250 * time.Millisecond, prepareSpooler, openSpooler}

const nobody = "smtp://127.0.0.1:1"

func prepareSpooler(r *room) error {
	if err := guests(r); err != nil {
		return err
	}
	return os.WriteFile(r.path("appliance.toml"), []byte(`[appliance]
name = "test"
version = "1"
[machine]
memory = "16M"
kernel = "busy"
[vendor]
mail = "demo@vendor.example"
submit = "`+nobody+`"
[record]
features = ["x"]
limits.per_day = 1000
[consent]
mode = "always"
encryption = "off"
`), 0o600)
}

type spooler struct {
	*room
	short bool
}

func openSpooler(r *room, short bool) (work, error) { return spooler{r, short}, nil }

func (w spooler) program() ([]string, []int) {
	return []string{"vmappliance", "run", "appliance.toml", "--keys", "long", "--serial", "none"}, []int{75, 130}
}

func (w spooler) close() {}

// beside has recordings made, which are what there is to spool.
func (w spooler) beside(p *process) {
	for n := 0; p.gone.Err() == nil && (n < 2 || !w.short); n++ {
		if !p.until(func() bool { return w.orders("start", fmt.Sprintf("s%d", n)) || len(p.said.all(refusedLine)) > 0 }) {
			break
		}
		w.orders("stop", "keep")
	}
	_ = p.cmd.Process.Signal(syscall.SIGTERM) // it may be gone
	<-p.gone.Done()
}

// orders asks the program for something; it may not be ready, or refuse.
func (w spooler) orders(args ...string) bool {
	_, err := w.run([]int{0}, append([]string{"vmappliance", "record"}, args...)...)
	return err == nil
}

var (
	savedLine   = regexp.MustCompile(`● saved problem (R-\w{4}-\w{4})`)
	unnotedLine = regexp.MustCompile(`recording (\d+) is kept, but not noted to be sent`)
	refusedLine = regexp.MustCompile(`(not recorded|not saved|no control socket|recordings|the ring ends here): `)
)

func (w spooler) acknowledged(p *process) bool { return len(p.said.all(savedLine)) > 0 }

func (w spooler) check(p *process, ended bool) error {
	if err := w.later(p.said.all(savedLine)); err != nil {
		return err
	}
	features := append(p.said.all(keptLine), "x")
	unnoted := p.said.all(unnotedLine)
	return w.carried(len(features), func(e recording.Entry) bool { return slices.Contains(features, e.Meta.Feature) },
		func(e recording.Entry) bool { return slices.Contains(unnoted, e.Name) })
}

// later runs the program again, which packs and queues what was kept before, and has a
// report of its own. Bundles that were saved must be there before and after.
func (w spooler) later(saved []string) error {
	if err := w.has(saved); err != nil {
		return err
	}
	if _, err := w.run([]int{75}, "vmappliance", "run", "appliance.toml", "--keys", "quick", "--serial", "none", "--record-from-start", "x"); err != nil {
		return stuck("%w", err)
	}
	return w.has(saved)
}

// has looks for bundles in the outbox: each is to be as it was queued, and the
// last replays.
func (w spooler) has(ids []string) error {
	items, err := outbox(w.room)
	if err != nil {
		return err
	}
	files := map[string]string{}
	for _, it := range items {
		files[it.ID] = it.Path
	}
	for _, id := range ids {
		if files[id] == "" {
			return lost("%s was saved and is not in the outbox", id)
		}
	}
	if len(ids) == 0 {
		return nil
	}
	return verified(w.room, files[ids[len(ids)-1]])
}

// outbox lists it; every bundle must be as it was queued.
func outbox(r *room) ([]mail.Item, error) {
	out, err := r.run([]int{0}, "vmappliance", "outbox", "list", "--json")
	if err != nil {
		return nil, stuck("%w", err)
	}
	var doc struct{ Items []mail.Item }
	if err := json.Unmarshal([]byte(out), &doc); err != nil {
		return nil, stuck("%w", err)
	}
	for i, it := range doc.Items {
		if it.State == mail.Damaged {
			return nil, half("%s is damaged: %s", it.ID, it.Reason)
		}
		path := r.path("state", "outbox", "spool", it.ID+"."+it.UUID, "bundle.vmb")
		if b, err := mail.Describe(path, it.ID, it.UUID); err != nil || b != it.Bundle {
			return nil, half("%s is not the file that was queued (%v)", path, err)
		}
		doc.Items[i].Path = path
	}
	return doc.Items, nil
}

// carried tells whether those recordings are there, so many, and have a bundle, but
// for some of which it was said that they are not noted.
func (w spooler) carried(n int, those, unnoted func(recording.Entry) bool) error {
	all, err := recordings(w.room)
	if err != nil {
		return stuck("%w", err)
	}
	names, err := filepath.Glob(w.path("state", "outbox", "routes", "*.json"))
	if err != nil {
		return err
	}
	has := map[string]bool{}
	for _, n := range names {
		b, err := os.ReadFile(n)
		if err != nil {
			return err
		}
		var way struct{ Recording string }
		if err := json.Unmarshal(b, &way); err != nil {
			return half("%s: %w", n, err)
		}
		has[filepath.Base(way.Recording)] = true
	}
	for _, e := range all {
		switch {
		case !those(e):
			continue
		case e.Open || e.Err != "" || e.Summary.Lost != "":
			return lost("it was kept: %+v", e)
		case !has[e.Name] && !unnoted(e):
			return stuck("recording %s was kept and not packed", e.Name)
		}
		n--
	}
	if n > 0 {
		return lost("%d recordings that were kept: there are %+v", n, all)
	}
	return nil
}
