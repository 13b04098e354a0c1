package main

import (
	"errors"
	"os"
	"path/filepath"
	"testing"
	"time"

	"vmrecord/bundle"
	"vmrecord/bundle/consent"
	"vmrecord/bundle/mail"
	"vmrecord/configs"
)

// What was cancelled stays for 30 days, and then goes with all that was kept of
// it; what still waits stays.
func TestPrune(t *testing.T) {
	p, err := openPost(t.TempDir(), configs.DefaultLimits())
	if err != nil {
		t.Fatal(err)
	}
	w := way{Schema: waySchema, Submit: "smtp://127.0.0.1:1", To: "inbox@vendor.example"}
	uuids := []string{"0190a5c4-7b1e-7cc3-98c4-dc0c0c073980", "0190a5c4-7b1e-7cc3-98c4-dc0c0c073981"}
	for _, u := range uuids {
		file := filepath.Join(t.TempDir(), "x.vmb")
		if err := os.WriteFile(file, []byte(u), 0o600); err != nil {
			t.Fatal(err)
		}
		if _, err := p.add(bundle.Packed{Path: file, ID: "R-7K2M-93QF", UUID: u}, w, time.Now()); err != nil {
			t.Fatal(err)
		}
	}
	if _, err := p.spool.Cancel(uuids[0]); err != nil {
		t.Fatal(err)
	}
	for _, c := range []struct {
		days int
		left int
	}{{0, 2}, {29, 2}, {31, 1}, {400, 1}} {
		if err := p.tidy(time.Now().AddDate(0, 0, c.days)); err != nil {
			t.Fatal(err)
		}
		its, err := p.spool.List()
		routes, _ := filepath.Glob(filepath.Join(p.routes, "*.json"))
		if err != nil || len(its) != c.left || len(routes) != c.left {
			t.Errorf("after %d days: %d entries and %d routes, want %d (%v)", c.days, len(its), len(routes), c.left, err)
		}
	}
}

// What a killed program was writing an hour ago goes; what one may be writing stays.
func TestUnfinished(t *testing.T) {
	state := t.TempDir()
	for dir, names := range map[string][]string{"routes": {".u.json123", "u.json"}, "due": {".d.json1", ".e.json2"}} {
		for _, n := range names {
			file := filepath.Join(state, "outbox", dir, n)
			if err := os.MkdirAll(filepath.Dir(file), 0o700); err != nil {
				t.Fatal(err)
			}
			if err := os.WriteFile(file, nil, 0o600); err != nil {
				t.Fatal(err)
			}
			if old := time.Now().Add(-2 * time.Hour); n != ".e.json2" {
				if err := os.Chtimes(file, old, old); err != nil {
					t.Fatal(err)
				}
			}
		}
	}
	if _, err := openPost(state, configs.DefaultLimits()); err != nil {
		t.Fatal(err)
	}
	for n, want := range map[string]bool{"routes/.u.json123": false, "routes/u.json": true, "due/.d.json1": false, "due/.e.json2": true} {
		if _, err := os.Stat(filepath.Join(state, "outbox", n)); (err == nil) != want {
			t.Errorf("%s is there: %v", n, !want)
		}
	}
}

// Whoever sends a bundle asks anew whether it may: what was queued while all went unasked
// does not go once the user refused, and what the user said yes to after that does.
func TestRevokedBeforeSent(t *testing.T) {
	now := time.Unix(1_790_000_000, 0)
	for _, c := range []struct {
		name    string
		given   given
		decided consent.Mode
		held    bool
	}{
		{"unasked, as before", given{Mode: consent.Always, At: now}, consent.Always, false},
		{"unasked, then refused", given{Mode: consent.Always, At: now}, consent.Never, true},
		{"a report unasked, then refused", given{Mode: consent.Report, At: now}, consent.Never, true},
		{"unasked and queued late, after it was refused", given{Mode: consent.Always, At: now.Add(time.Hour)}, consent.Never, true},
		{"said yes, then refused", given{Mode: consent.Ask, At: now.Add(-time.Second)}, consent.Never, true},
		{"refused, then said yes", given{Mode: consent.Ask, At: now}, consent.Never, false},
	} {
		p, err := openPost(t.TempDir(), configs.DefaultLimits())
		if err != nil {
			t.Fatal(err)
		}
		p.book.Now = func() time.Time { return now }
		file := filepath.Join(t.TempDir(), "x.vmb")
		if err := os.WriteFile(file, []byte("x"), 0o600); err != nil {
			t.Fatal(err)
		}
		w := way{Submit: "smtp://127.0.0.1:1", To: "inbox@vendor.example", Appliance: "a", Consent: c.given}
		it, err := p.add(bundle.Packed{Path: file, ID: "R-7K2M-93QF", UUID: "0190a5c4-7b1e-7cc3-98c4-dc0c0c073980"}, w, now)
		if err != nil || it.State != mail.Queued {
			t.Fatal(it, err)
		}
		if err := p.book.Decide("a", c.decided); err != nil {
			t.Fatal(err)
		}
		_, err = p.sender(it)
		if held := errors.Is(err, mail.ErrHeld); held != c.held || !held && err != nil {
			t.Errorf("%s: %v", c.name, err)
		}
		if it, err := p.spool.Find(it.ID); err != nil || (it.State == mail.Held) != c.held {
			t.Errorf("%s: %+v, %v", c.name, it, err)
		}
	}
}
