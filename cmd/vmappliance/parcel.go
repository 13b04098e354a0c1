package main

import (
	"cmp"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"time"

	"vmrecord/bundle"
	"vmrecord/bundle/base"
	"vmrecord/bundle/consent"
	"vmrecord/bundle/mail"
	"vmrecord/bundle/replay"
	"vmrecord/bundle/secrets"
	"vmrecord/cmd/internal/cli"
	"vmrecord/cmd/internal/levels"
)

// A parcel is a bundle made of a recording, at the level that suits the mail.
type parcel struct {
	bundle.Packed
	level   string
	because string           // of what it is that level
	memory  *secrets.Scanner // has seen all that it holds of the guest's
}

// wrap packs a recording as whole as the limits let it be mailed: all of it (L2 where
// there are bases, else L3), or what its replay uses (L1). If even that is too much,
// it waits for the user, at that level.
func (c *courier) wrap(k *kept, tmp string) (p parcel, err error) {
	dir, o := filepath.Join(c.shelf, k.Summary.Name), c.pack
	have, files := c.bases()
	defer base.CloseAll(files)
	o.Bases = files
	p = parcel{level: "L3", because: "all of it"}
	if p.Packed, p.memory, err = packLooking(dir, tmp, o); err != nil {
		return p, err
	}
	if len(files) > 0 {
		p.level, p.because = "L2", "all but what the vendor has"
	}
	most := int64(c.limits.Mail)
	if most == 0 || p.Bytes <= most {
		return p, nil
	}
	c.say("recording %s is %s, and %s at most are mailed: finding out what its replay needs", k.Summary.Name, cli.Bytes(p.Bytes), cli.Bytes(most))
	if o.Slice, err = levels.Slice(c.ctx, dir, o, have, func(string, replay.Step) {}); err != nil {
		p.because += fmt.Sprintf("; less could not be made: %v", err)
		return p, nil
	}
	less := parcel{level: "L1", because: fmt.Sprintf("what its replay needs; all of it would be %s, and %s at most are mailed", cli.Bytes(p.Bytes), cli.Bytes(most))}
	less.Packed, less.memory, err = packLooking(dir, tmp, o)
	return less, err
}

// packLooking packs a recording, and looks for secrets in the memory that goes.
func packLooking(dir, out string, o bundle.PackOptions) (bundle.Packed, *secrets.Scanner, error) {
	s := new(secrets.Scanner)
	o.Look = s.Scan
	p, err := bundle.Pack(dir, out, o)
	return p, s, err
}

// bases opens what the configuration says that the vendor has too. Without, bundles
// are larger, and that is all.
func (c *courier) bases() (have base.Folder, all []*base.Base) {
	if len(c.published) == 0 {
		return have, nil
	}
	have, err := bases(c.state)
	if err == nil {
		all, err = have.Take(c.published...)
	}
	if err != nil {
		c.say("what the vendor has too is not left out: %v", err)
	}
	return have, all
}

// tell is the text of a recording's report (L0), which is made without a replay and
// holds no memory.
func (c *courier) tell(k *kept, p parcel, fate string) string {
	var w strings.Builder
	fmt.Fprintf(&w, "%s, feature %q: %s\n", c.party.Appliance, k.Feature, cmp.Or(k.Failure, "kept without a failure"))
	fmt.Fprintf(&w, "from %s to %s, %d inputs, %d keys typed\n", k.Summary.Start, k.Summary.End, k.Summary.Inputs, k.Summary.Keys)
	fmt.Fprintf(&w, "its recording is %s, level %s, %s: %s\n", p.ID, p.level, cli.Bytes(p.Bytes), fate)
	if k.Summary.Last != "" {
		fmt.Fprintf(&w, "\nlast lines on the console:\n  %s\n", strings.ReplaceAll(k.Summary.Last, "\n", "\n  "))
	}
	text := strings.ToValidUTF8(w.String(), "?")
	return strings.ToValidUTF8(text[:min(len(text), bundle.MaxReport)], "")
}

// queue makes parcels of a recording and queues them. Its report goes first where that
// may go unasked and the recording must wait, or needs several mails.
func (c *courier) queue(k *kept, mode consent.Mode) (items []mail.Item, err error) {
	tmp, err := c.bench(k)
	if err != nil {
		return nil, fmt.Errorf("pack: %w", err)
	}
	defer os.RemoveAll(tmp)
	dir, err := filepath.Abs(filepath.Join(c.shelf, k.Summary.Name))
	if err != nil {
		return nil, err
	}
	p, err := c.wrap(k, tmp)
	if err != nil {
		return nil, fmt.Errorf("%w; it stays on this computer, and the next run tries again; to make its bundle: vmbundle pack %s", err, dir)
	}
	k.ID, k.UUID, k.Bytes, k.Level = p.ID, p.UUID, p.Bytes, p.level
	c.events.tell(event{Event: "bundle", ID: p.ID, Bytes: p.Bytes})
	now := c.book.Now()
	w := way{Submit: c.party.Submit, To: c.party.To, Keys: c.party.Keys, Appliance: c.party.Appliance,
		Feature: k.Feature, Failure: k.Failure, Recording: dir, End: k.Summary.EndHash,
		Most: int64(c.limits.Mail), PerDay: c.limits.PerDay, Level: p.level, Because: p.because}
	if w.Look, err = lookInto(dir, k.Summary, p.memory); err != nil {
		return nil, fmt.Errorf("look into %s: %w", p.ID, err)
	}
	unasked := given{mode, consent.TextVersion, now.UTC().Truncate(time.Microsecond)}
	over := c.post.within(w, p.Bytes, now)
	fate, ahead := "it follows", p.Bytes > mail.DefaultPartBytes
	switch {
	case mode == consent.Always && over != nil:
		fate, ahead = fmt.Sprintf("it is not mailed: %v; its user can: vmappliance send %s --force", over, p.ID), true
	case mode == consent.Report:
		fate, ahead = "it waits for its user's consent", true
	}
	if mode == consent.Always {
		w.Consent = unasked
	}
	if ahead && mode != consent.Ask {
		if items, err = c.ahead(k, p, w, unasked, fate, tmp); err != nil {
			return nil, err
		}
	}
	it, err := c.post.add(p.Packed, w, now)
	if err != nil {
		return items, fmt.Errorf("queue %s: %w", p.ID, err)
	}
	c.mine[it.UUID] = k
	return append(items, it), nil
}

// ahead queues the report of a recording, unless the limits are against it.
func (c *courier) ahead(k *kept, p parcel, w way, unasked given, fate, tmp string) (items []mail.Item, err error) {
	text := c.tell(k, p, fate)
	o := c.pack
	o.Report = text
	r, err := bundle.Pack(filepath.Join(c.shelf, k.Summary.Name), tmp, o)
	if err != nil {
		return nil, err
	}
	if _, err := c.post.spool.Find(r.UUID); err == nil {
		return nil, nil // of a run that was killed then
	}
	now := c.book.Now()
	w.Look = w.Look.of(text)
	w.Level, w.Because, w.Of, w.Report, w.Consent = "L0", "a report of "+p.ID+", without memory", p.ID, text, unasked
	if c.post.within(w, r.Bytes, now) != nil {
		return nil, nil
	}
	it, err := c.post.add(r, w, now)
	if err != nil {
		return nil, fmt.Errorf("queue %s: %w", r.ID, err)
	}
	k.Report = r.ID
	c.mine[it.UUID] = &kept{} // of which only is known whether it went
	return []mail.Item{it}, nil
}
