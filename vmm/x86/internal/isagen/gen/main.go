// Command gen, run in vmm/x86 by go generate, makes table.go from isa.txt.
package main

import (
	"log"
	"os"

	"vmrecord/vmm/x86/internal/isagen"
)

func main() {
	isa, err := os.ReadFile("isa.txt")
	if err != nil {
		log.Fatal(err)
	}
	out, err := isagen.Generate(string(isa))
	if err != nil {
		log.Fatal(err)
	}
	if err := os.WriteFile("table.go", out, 0o644); err != nil {
		log.Fatal(err)
	}
}
