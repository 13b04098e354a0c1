// Command claims reads the demonstration's JSON object from standard input and
// checks what it must be able to say of itself.
package main

import (
	"encoding/json"
	"fmt"
	"os"
	"strings"
)

func main() {
	var d struct {
		Schema     string  `json:"schema"`
		BootOK     bool    `json:"boot_ok"`
		Kept       int     `json:"recordings_kept"`
		Keys       int     `json:"keys_recorded"`
		Inputs     int     `json:"inputs"`
		Heartbeats int     `json:"heartbeats"`
		Bytes      int64   `json:"bundle_bytes"`
		Mailed     bool    `json:"mail_delivered"`
		Sealed     bool    `json:"sealed"`
		Replays    int     `json:"replays"`
		Identical  int     `json:"replays_identical"`
		EndHash    string  `json:"end_hash"`
		MIPS       float64 `json:"mips"`
		Accesses   int     `json:"who_accesses"`
		Culprit    string  `json:"who_lost"`
	}
	if err := json.NewDecoder(os.Stdin).Decode(&d); err != nil {
		fmt.Fprintln(os.Stderr, "claims: no JSON object from the demonstration:", err)
		os.Exit(1)
	}
	failed := 0
	for _, c := range []struct {
		claim string
		holds bool
	}{
		{"schema is vmrecord.demo/1", d.Schema == "vmrecord.demo/1"},
		{"the guest booted to its program", d.BootOK},
		{"one recording was kept", d.Kept == 1},
		{"at least 10 keys are in the recording", d.Keys >= 10},
		{"inputs are more than keys: leaps", d.Inputs > d.Keys},
		{"at least 20 heartbeats were compared", d.Heartbeats >= 20},
		{"there is a bundle", d.Bytes > 0},
		{"it was mailed", d.Mailed},
		{"only the vendor's key opens it", d.Sealed},
		{"it was replayed three times", d.Replays == 3},
		{"each replay was identical", d.Identical == 3},
		{"the end hash is a SHA-256", len(d.EndHash) == 64},
		{"instructions were executed", d.MIPS > 1},
		{"accesses to the lost balance were found", d.Accesses >= 4},
		{"the line that lost it was", strings.HasPrefix(d.Culprit, "main.(*account).post ledger.go:")},
	} {
		verdict := "ok    "
		if !c.holds {
			verdict = "FAILED"
			failed++
		}
		fmt.Printf("claim %s %s\n", verdict, c.claim)
	}
	if failed > 0 {
		fmt.Printf("%+v\n", d)
		os.Exit(1)
	}
}
