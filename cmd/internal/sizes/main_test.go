package main

import (
	"os"
	"path/filepath"
	"strings"
	"testing"
)

// TestTable: a row for each recording, in a program's words that packs as many
// bytes as its flags have.
func TestTable(t *testing.T) {
	program := filepath.Join(t.TempDir(), "vmbundle")
	script := "#!/bin/sh\nif [ $1 = golden ]; then exit 0; fi\nout=$3; shift 3; printf %s \"$*\" >$out\n"
	if err := os.WriteFile(program, []byte(script), 0o700); err != nil {
		t.Fatal(err)
	}
	var out strings.Builder
	if err := table(&out, program, "other", []string{"a", "bc"}, []string{"r1", "r2"}); err != nil {
		t.Fatal(err)
	}
	lines := strings.Split(out.String(), "\n")
	if len(lines) != 4 {
		t.Fatal(out.String())
	}
	first, second := strings.Fields(lines[1]), strings.Fields(lines[2])
	if first[0] != "r1" || second[0] != "r2" || len(first) != 8 || first[1] != "0" || first[3] != "18" || first[4] != "10" || first[6] != "29" || first[7] != "10" {
		t.Error(out.String())
	}
	if err := table(&out, filepath.Join(t.TempDir(), "none"), "other", nil, []string{"r"}); err == nil {
		t.Error("no program, and no error")
	}
}
