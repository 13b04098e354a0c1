package guestagent

import (
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"strings"

	"vmrecord/backdoor/wire"
)

// maxPrograms is how many programs' build ids are told; there is room for a few
// facts only.
const maxPrograms = 16

// serve is the agent's work at boot: it tells the appliance what guest this is.
func (a agent) serve(programs []string) int {
	if len(programs) > maxPrograms {
		fmt.Fprintf(a.errOut, "vmagent: serve takes at most %d programs, not %d\n", maxPrograms, len(programs))
		return exitUsage
	}
	for _, p := range programs {
		if strings.HasPrefix(p, "-") {
			fmt.Fprintln(a.errOut, "vmagent: serve takes the paths of programs, as in: vmagent serve /opt/shop/import")
			return exitUsage
		}
	}
	if !a.inVM() {
		return exitOK
	}
	return a.ended(a.tellFacts("/", programs))
}

// tellFacts tells what is known of the kernel below root (/proc and /sys) and of
// programs, and goes on after an error.
func (a agent) tellFacts(root string, programs []string) error {
	var errs []error
	tell := func(key, value string, err error) {
		if err == nil && value != "" {
			err = a.fact(key, value)
		}
		errs = append(errs, err)
	}
	read := func(name string) string {
		b, _ := readSome(filepath.Join(root, name)) // what a kernel does not tell is no fact
		return strings.TrimSpace(string(b))
	}
	notes, _ := readSome(filepath.Join(root, "sys/kernel/notes"))
	tell("kernel.release", read("proc/sys/kernel/osrelease"), nil)
	tell("kernel.build-id", buildID(notes), nil)
	tell("kernel.vmcoreinfo", read("sys/kernel/vmcoreinfo"), nil)
	tell("kernel.modules", modules(read("proc/modules")), nil)
	for _, p := range programs {
		id, err := programID(p)
		tell("program."+filepath.Base(p), id, err)
	}
	return errors.Join(errs...)
}

// readSome reads the beginning of a file.
func readSome(name string) ([]byte, error) {
	f, err := os.Open(name)
	if err != nil {
		return nil, err
	}
	defer f.Close()
	return io.ReadAll(io.LimitReader(f, maxNoteBytes))
}

// modules are NAME@ADDRESS of as many lines of /proc/modules as a fact has room
// for, the last loaded first, as they stand there.
func modules(lines string) string {
	var b strings.Builder
	for _, line := range strings.Split(lines, "\n") {
		f := strings.Fields(line)
		if len(f) < 6 {
			continue
		}
		word := f[0] + "@" + f[5]
		if b.Len()+1+len(word) > wire.MaxValue {
			break
		}
		if b.Len() > 0 {
			b.WriteByte(' ')
		}
		b.WriteString(word)
	}
	return b.String()
}
