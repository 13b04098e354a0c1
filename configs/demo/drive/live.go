package main

import (
	"bufio"
	"encoding/json"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"syscall"
	"time"
)

// A runResult is what vmappliance run --json says, as far as we need it.
type runResult struct {
	Outcome    string  `json:"outcome"`
	Retired    uint64  `json:"retired"`
	CPUSeconds float64 `json:"cpu_seconds"`
	MIPS       float64 `json:"mips"`
	Dropped    int     `json:"recordings_dropped"`
	Kept       []struct {
		Failure string `json:"failure"`
		ID      string `json:"id"`
		Bytes   int64  `json:"bundle_bytes"`
		Parts   int    `json:"parts"`
		Reply   string `json:"reply"`
		Mail    string `json:"mail"`
	} `json:"recordings_kept"`
}

// An event is a line of vmappliance run --events.
type event struct {
	Event   string  `json:"event"`
	Name    string  `json:"name"`
	Text    string  `json:"text"`
	Kept    bool    `json:"kept"`
	Seconds float64 `json:"seconds"`
	Bytes   int64   `json:"bytes"`
	ID      string  `json:"id"`
}

// live runs the appliance beside the vendor's inbox.
func (d *demo) live() error {
	inbox, err := d.inbox()
	if err != nil {
		return err
	}
	defer func() {
		_ = inbox.Process.Signal(syscall.SIGTERM)
		_ = inbox.Wait()
	}()
	d.step("boot", "software CPU: no KVM, no root, no C compiler")
	doc, err := d.appliance()
	if err != nil {
		return err
	}
	s := &d.sum
	s.Outcome, s.Retired, s.CPUSeconds, s.MIPS = doc.Outcome, doc.Retired, doc.CPUSeconds, doc.MIPS
	s.Dropped, s.Kept = doc.Dropped, len(doc.Kept)
	if s.Kept == 0 {
		return fmt.Errorf("no round failed (%s): nothing to mail; try again, or another seed: make demo SEED=n", doc.Outcome)
	}
	k := doc.Kept[0]
	s.Failure, s.BundleID, s.BundleBytes, s.Parts, s.Reply = k.Failure, k.ID, k.Bytes, k.Parts, k.Reply
	d.step("bundle", "%s.vmb  %s", k.ID, size(k.Bytes))
	d.step("mail", "%s", d.mail)
	return d.arrived(k.ID)
}

// inbox starts the vendor's receiver and waits until it listens.
func (d *demo) inbox() (*exec.Cmd, error) {
	ready := filepath.Join(d.out, "inbox.ready")
	c := d.command(d.out, "vmbundle", "inbox", "serve", "--dir", filepath.Join(d.out, "inbox"), "--listen", d.smtp,
		"--to", "demo@vendor.example", "--ready", ready)
	c.Stdout = io.Discard
	c.SysProcAttr = &syscall.SysProcAttr{Pdeathsig: syscall.SIGTERM}
	if err := c.Start(); err != nil {
		return nil, err
	}
	for range 100 {
		if _, err := os.Stat(ready); err == nil {
			return c, nil
		}
		time.Sleep(50 * time.Millisecond)
	}
	_ = c.Process.Kill()
	return nil, fmt.Errorf("vmbundle inbox serve does not listen on %s", d.smtp)
}

// appliance runs the guest to its end, and shows its console.
func (d *demo) appliance() (*runResult, error) {
	script := "configs/demo/keys.txt"
	if d.seed != "" {
		script = "configs/demo/keys-seed.txt"
	}
	keys, err := filepath.Abs(script)
	if err != nil {
		return nil, err
	}
	args := []string{"run", "appliance.toml", "--keys", keys, "--json", "--events", "-"}
	if d.seed != "" {
		args = append(args, "--seed", d.seed)
	}
	c := d.command(filepath.Join(d.out, "appliance"), "vmappliance", args...)
	c.SysProcAttr = &syscall.SysProcAttr{Pdeathsig: syscall.SIGTERM}
	out, err := c.StdoutPipe()
	if err != nil {
		return nil, err
	}
	c.Stderr = nil
	events, err := c.StderrPipe()
	if err != nil {
		return nil, err
	}
	begun := time.Now()
	if err := c.Start(); err != nil {
		return nil, err
	}
	stop := time.AfterFunc(time.Duration(d.limit)*time.Second, func() { _ = c.Process.Signal(syscall.SIGTERM) })
	defer stop.Stop()
	var wg sync.WaitGroup
	wg.Go(func() { d.watch(events) })
	doc := d.console(out, begun)
	wg.Wait()
	if err := c.Wait(); err != nil {
		return nil, fmt.Errorf("vmappliance run: %w", err)
	}
	r := new(runResult)
	if err := json.Unmarshal([]byte(doc), r); err != nil {
		return nil, fmt.Errorf("vmappliance run --json: %w", err)
	}
	return r, nil
}

// console shows the guest's lines and returns the JSON document after them.
func (d *demo) console(r io.Reader, begun time.Time) string {
	sc := bufio.NewScanner(r)
	sc.Buffer(nil, 1<<20)
	doc := ""
	for sc.Scan() {
		l := strings.TrimRight(sc.Text(), "\r")
		switch {
		case strings.HasPrefix(l, "{") || doc != "":
			doc += l + "\n"
			continue
		case strings.Contains(l, "ledger 0.9") && !d.sum.BootOK:
			d.sum.BootOK = true
			d.sum.BootSeconds = time.Since(begun).Seconds()
		case strings.Contains(l, "b account "):
			d.answered.Add(1) // told with its round's recording
			continue
		case strings.HasPrefix(strings.TrimLeft(l, "b"), "["): // behind echoed keys
			d.kernel(strings.TrimLeft(l, "b"))
			continue
		}
		d.line("| %s", l)
	}
	return doc
}

// watch shows what the appliance says of its recordings.
func (d *demo) watch(r io.Reader) {
	sc := bufio.NewScanner(r)
	sc.Buffer(nil, 1<<20)
	for sc.Scan() {
		var e event
		if json.Unmarshal(sc.Bytes(), &e) != nil {
			continue // a line for people; the events say the same
		}
		rec := fmt.Sprintf("| ● REC %.1f s  %d KB", e.Seconds, e.Bytes/1000)
		switch {
		case e.Event == "stop" && e.Kept:
			d.line("%s  kept     (%d keys answered)", rec, d.answered.Swap(0))
		case e.Event == "stop":
			d.line("%s  dropped  (%d keys answered)", rec, d.answered.Swap(0))
		case e.Event == "mail":
			d.mail = e.Text
		case e.Event == "lost" || e.Event == "truncated":
			d.line("| ● REC %s: %s", e.Event, e.Text)
		}
	}
}

// arrived finds the bundle in the vendor's inbox and puts it into an empty folder.
func (d *demo) arrived(id string) error {
	c := d.command(d.out, "vmbundle", "inbox", "list", "--json", "--dir", filepath.Join(d.out, "inbox"))
	b, err := c.Output()
	if err != nil {
		return fmt.Errorf("vmbundle inbox list: %w", err)
	}
	var doc struct {
		Reports []struct {
			ID    string `json:"id"`
			State string `json:"state"`
			File  string `json:"file"`
		} `json:"reports"`
	}
	if err := json.Unmarshal(b, &doc); err != nil {
		return fmt.Errorf("vmbundle inbox list --json: %w", err)
	}
	for _, r := range doc.Reports {
		if r.ID == id && r.State == "complete" {
			d.sum.Mailed = true
			d.bundle = filepath.Join(d.out, "vendor", id+".vmb")
			return os.Rename(r.File, d.bundle)
		}
	}
	return fmt.Errorf("bundle %s did not arrive in the inbox", id)
}
