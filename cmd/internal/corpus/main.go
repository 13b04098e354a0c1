// Command corpus runs the bare-metal cases of configs/bare/corpus on this
// engine, on QEMU's TCG and on Bochs, and stores what each says as text beside
// them:
//
//	go run ./cmd/internal/corpus
//
// It needs Debian's packages qemu-system-x86, bochs and bochs-term. The test of
// this package needs none of them: it runs the engine and compares it with what
// the cases want, and what is stored of the others with what the cases say of
// them.
package main

import (
	"flag"
	"fmt"
	"os"
	"path/filepath"
	"strings"

	"vmrecord/configs/bare/corpus"
)

func main() {
	dir := flag.String("dir", "configs/bare/corpus/testdata", "where results are stored")
	on := flag.String("on", "vmrecord,qemu,bochs", "the machines, with commas between them")
	only := flag.String("case", "", "run the cases whose names contain this, and store nothing")
	flag.Parse()
	if err := run(*dir, strings.Split(*on, ","), *only); err != nil {
		fmt.Fprintln(os.Stderr, "corpus:", err)
		os.Exit(1)
	}
}

func run(dir string, on []string, only string) error {
	var cases []corpus.Case
	for _, c := range corpus.Cases() {
		if strings.Contains(c.Name, only) {
			cases = append(cases, c)
		}
	}
	said := map[string][]string{}
	for _, name := range on {
		m, ok := machines[name]
		if !ok {
			return fmt.Errorf("no machine is called %q; there are vmrecord, qemu and bochs", name)
		}
		r, err := runAll(m, cases)
		if err != nil {
			return fmt.Errorf("run on %s: %w", name, err)
		}
		said[name] = r
		if only != "" {
			continue
		}
		if err := os.WriteFile(filepath.Join(dir, name+".txt"), []byte(corpus.Format(cases, r)), 0o644); err != nil {
			return err
		}
	}
	for i, c := range cases {
		all := true
		for _, name := range on {
			all = all && said[name][i] == c.Want
		}
		if all && only == "" {
			continue
		}
		fmt.Printf("%s (%s)\n  %-9s %s\n", c.Name, c.Section, "manual", c.Want)
		for _, name := range on {
			fmt.Printf("  %-9s %s\n", name, said[name][i])
		}
		if c.Differ != "" {
			fmt.Printf("  %s\n", c.Differ)
		}
	}
	return nil
}
