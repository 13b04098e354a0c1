package main

import (
	"testing"

	"vmrecord/cmd/internal/cli/examples"
)

// What help and README show to type are commands that there are.
func TestExamples(t *testing.T) { examples.Test(t, root, 25) }
