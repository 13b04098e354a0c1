//go:build !(linux && amd64)

package main

import (
	"fmt"
	"os"
)

func main() {
	fmt.Fprintln(os.Stderr, "difftest: the processor to compare with is an x86-64 under Linux; this computer is another")
	os.Exit(2)
}
