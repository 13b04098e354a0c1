package main

import (
	"os"
	"testing"

	"vmrecord/cmd/internal/cli/examples"
)

// What help and README show to type are commands that there are.
func TestExamples(t *testing.T) {
	readme, err := os.ReadFile("../../README.md")
	if err != nil {
		t.Fatal(err)
	}
	n, bad := examples.Check(root, string(readme))
	for _, err := range bad {
		t.Error(err)
	}
	if n < 25 {
		t.Errorf("%d lines were found", n)
	}
}
