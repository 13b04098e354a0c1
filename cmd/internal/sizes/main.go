// Command sizes packs recordings at every level and prints how large the bundles
// are:
//
//	sizes -vmbundle bin/vmbundle -golden OTHER -published vmlinuz -published initramfs.cpio RECORDING...
//
// OTHER is a golden of the same appliance, or a recording of another boot of it, whose
// memory is the golden; the published files are its kernel and initramfs. Recordings of failing
// rounds are what `make demo` leaves in OUT/state/recordings; for other memory sizes,
// or nokaslr, change its appliance.toml.
package main

import (
	"cmp"
	"flag"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"text/tabwriter"
)

func main() {
	var published []string
	program := flag.String("vmbundle", "bin/vmbundle", "the `program`")
	golden := flag.String("golden", "", "the `golden`, or its recording")
	flag.Func("published", "a `file` that the vendor has; may be repeated", func(s string) error {
		published = append(published, s)
		return nil
	})
	flag.Parse()
	if flag.NArg() == 0 || *golden == "" || len(published) == 0 {
		flag.Usage()
		os.Exit(2)
	}
	if err := table(os.Stdout, *program, *golden, published, flag.Args()); err != nil {
		fmt.Fprintln(os.Stderr, "sizes:", err)
		os.Exit(1)
	}
}

// table prints a row of bytes for each recording.
func table(out io.Writer, program, golden string, published, recordings []string) error {
	dir, err := os.MkdirTemp("", "sizes-")
	if err != nil {
		return err
	}
	defer os.RemoveAll(dir)
	v := vendor{program, dir}
	base := golden
	if filepath.Ext(golden) != ".vmg" {
		base = filepath.Join(dir, "golden.vmg")
		if err := v.run("golden", golden, base); err != nil {
			return err
		}
	}
	var files []string
	for _, name := range published {
		files = append(files, "--base", name)
	}
	w := tabwriter.NewWriter(out, 0, 0, 2, ' ', tabwriter.AlignRight)
	fmt.Fprintln(w, "recording\tL3\tL2 golden\tL2 published\tL1\tL1 golden\tL1 published\tL0\t")
	for _, r := range recordings {
		fmt.Fprint(w, r)
		for _, flags := range [][]string{
			nil, {"--base", base}, files, {"--level", "L1"}, {"--level", "L1", "--base", base}, append([]string{"--level", "L1"}, files...), {"--level", "L0"},
		} {
			n, err := v.pack(r, flags)
			if err != nil {
				return err
			}
			fmt.Fprintf(w, "\t%d", n)
		}
		fmt.Fprintln(w, "\t")
	}
	return w.Flush()
}

// A vendor runs the program with a folder of bases of its own.
type vendor struct{ program, dir string }

func (v vendor) run(args ...string) error {
	c := exec.Command(v.program, args...)
	c.Env = append(os.Environ(), "VMRECORD_BASES="+filepath.Join(v.dir, "bases"), "VMRECORD_CACHE="+filepath.Join(v.dir, "cache"))
	c.Stderr = os.Stderr
	return c.Run()
}

// pack is the size of a recording's bundle.
func (v vendor) pack(recording string, flags []string) (int64, error) {
	file := filepath.Join(v.dir, "x.vmb")
	err := v.run(append([]string{"pack", recording, file}, flags...)...)
	i, err2 := os.Stat(file)
	if err := cmp.Or(err, err2); err != nil {
		return 0, fmt.Errorf("pack %s %q: %w", recording, flags, err)
	}
	return i.Size(), os.Remove(file)
}
