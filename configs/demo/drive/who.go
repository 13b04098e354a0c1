package main

import (
	"encoding/json"
	"fmt"
	"path"
	"strings"
	"time"
)

// An access is what vmbundle who --json says of one, as far as we need it.
type access struct {
	Seconds  float64 `json:"seconds"`
	Write    bool    `json:"write"`
	Was      string  `json:"was"`
	Is       string  `json:"is"`
	Thread   int     `json:"thread"`
	Function string  `json:"function"`
	File     string  `json:"file"`
	Line     int     `json:"line"`
}

func (a access) String() string {
	what := "reads  " + a.Is
	if a.Write {
		what = "writes " + a.Is
	}
	return fmt.Sprintf("%9.3f ms  thread %-4d %s  %s %s:%d", -a.Seconds*1e3, a.Thread, what, a.Function, path.Base(a.File), a.Line)
}

// who asks the recording who lost the update: the last accesses to the balance that
// the ledger suspects.
func (d *demo) who() error {
	if d.suspect == "" {
		return fmt.Errorf("the ledger suspects no account: the bundle has no attribute suspect")
	}
	begun := time.Now()
	what := "main.books.accounts[" + d.suspect + "].balance"
	b, err := d.command(d.out, "vmbundle", "who", d.bundle, what, "--symbols", d.symbols(), "--last", "30", "--json").Output()
	if err != nil {
		return fmt.Errorf("vmbundle who: %w", err)
	}
	var doc struct {
		Accesses []access `json:"accesses"`
	}
	if err := json.Unmarshal(b, &doc); err != nil {
		return fmt.Errorf("vmbundle who --json: %w", err)
	}
	d.step("who?", "%s, before the failure", what)
	all := doc.Accesses
	d.accesses = all
	for i, a := range all {
		verdict := ""
		if other := lost(all[:i+1]); other != 0 {
			verdict = fmt.Sprintf("  <- undoes thread %d", other)
			d.sum.Culprit = strings.TrimSpace(fmt.Sprintf("%s %s:%d", a.Function, path.Base(a.File), a.Line))
		}
		d.line("| %s%s", a, verdict)
	}
	d.sum.Accesses, d.sum.WhoSeconds = len(all), time.Since(begun).Seconds()
	return nil
}

// lost is the thread whose update the last access undoes, 0 if none: another wrote
// since the one that writes now has read.
func lost(all []access) (other int) {
	z := all[len(all)-1]
	for i := len(all) - 2; z.Write && i >= 0; i-- {
		a := all[i]
		switch {
		case a.Write && a.Thread != z.Thread && other == 0:
			other = a.Thread
		case a.Thread == z.Thread && !a.Write:
			return other
		case a.Thread == z.Thread:
			return 0
		}
	}
	return 0
}
