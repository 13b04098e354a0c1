package x86

import (
	"bytes"
	"os"
	"testing"

	"vmrecord/vmm/x86/internal/isagen"
)

func TestTableIsCurrent(t *testing.T) {
	isa, err := os.ReadFile("isa.txt")
	if err != nil {
		t.Fatal(err)
	}
	want, err := isagen.Generate(string(isa))
	if err != nil {
		t.Fatal(err)
	}
	got, err := os.ReadFile("table.go")
	if err != nil {
		t.Fatal(err)
	}
	if !bytes.Equal(got, want) {
		t.Error("table.go is not what isa.txt makes; run: go generate ./vmm/x86")
	}
}
