// Command vmagent runs inside an appliance's guest: as a small init, and to
// start and stop recording from a shell. See package guestagent.
package main

import (
	"os"

	"vmrecord/guestagent"
)

func main() { os.Exit(guestagent.Main(os.Args[1:], os.Stdin, os.Stdout, os.Stderr)) }
