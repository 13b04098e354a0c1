package archtest

import (
	"slices"
	"strings"
)

const module = "vmrecord"

// inside lists the rooms that are part of the machine; "/..." means all below.
var inside = []string{"vmm", "vmm/x86", "vmm/cpu", "vmm/softfp", "vmm/interp", "vmm/jit", "vmm/mem", "vmm/disk", "vmm/snap",
	"hwdevices/...", "backdoor", "backdoor/wire"}

// testOnly lists the packages that only tests and generators import. They obey no rule
// but that one.
var testOnly = []string{"hwdevices/devtest", "vmm/archtest", "vmm/softfp/hostfpu", "vmm/tape/tapetest", "vmm/trace/tracetest",
	"vmm/x86/internal/...", "vmm/x86/difftest/...", "vmm/jit/locktest/...", "vmm/texttest", "guestagent/portlab", "cmd/internal/lockboot",
	"cmd/internal/cli/examples"}

// std lists what code inside may import from the standard library.
var std = []string{"bytes", "cmp", "crypto/sha256", "encoding/binary", "errors", "fmt", "math/bits", "reflect", "slices", "strings"}

// stdFiles lists what single files inside may import besides.
var stdFiles = map[string][]string{
	floatFile:               {"math"},
	"vmm/jit/execmem.go":    {"syscall", "unsafe"},
	"vmm/jit/trampoline.go": {"unsafe"},
}

// floatFile is the one file inside that may use floating-point types.
const floatFile = "vmm/softfp/host64.go"

// floatFuncs lists what it may call in package math: what IEEE 754 defines to the bit.
var floatFuncs = []string{"Float32bits", "Float32frombits", "Float64bits", "Float64frombits", "Sqrt"}

// A room says what the packages under a path may import of ours; the longest
// path that fits a package counts.
type room struct {
	path string
	may  []string
}

var rooms = []room{
	{"cmd", []string{"cmd/...", "bundle/...", "hwdevices/...", "configs/...", "vmm/...", "backdoor/...", "guestagent/..."}},
	{"cmd/vmagent", []string{"guestagent/..."}},
	{"bundle", []string{"bundle/...", "hwdevices/...", "configs/...", "vmm/...", "backdoor/..."}},
	{"bundle/store", nil},
	{"hwdevices", []string{"hwdevices/...", "vmm/..."}},
	{"hwdevices/pc", []string{"hwdevices/...", "vmm/...", "backdoor/..."}},
	{"backdoor", []string{"backdoor/...", "vmm/..."}},
	{"backdoor/wire", nil},
	{"guestagent", []string{"guestagent/...", "backdoor/wire"}},
	{"configs", []string{"configs/...", "vmm/x86/asm"}},
	{"vmm", []string{"vmm/..."}},
	{"vmm/x86", nil},
	{"vmm/softfp", nil},
	{"vmm/mem", nil},
	{"vmm/snap", nil},
	{"vmm/cpu", []string{"vmm/x86", "vmm/mem", "vmm/softfp"}},
	{"vmm/interp", []string{"vmm", "vmm/x86", "vmm/cpu", "vmm/softfp", "vmm/mem"}},
	{"vmm/jit", []string{"vmm", "vmm/x86", "vmm/cpu", "vmm/softfp", "vmm/mem"}},
}

// mainMay lists what a package main may import besides, by the room it is in:
// a demo program is a guest's.
var mainMay = map[string][]string{"configs": {"guestagent/..."}}

// under tells whether path is in list.
func under(path string, list []string) bool {
	return slices.ContainsFunc(list, func(e string) bool {
		base, deep := strings.CutSuffix(e, "/...")
		return path == base || deep && strings.HasPrefix(path, base+"/")
	})
}

// roomOf is the rule for a package.
func roomOf(path string) (r room, ok bool) {
	for _, c := range rooms {
		if under(path, []string{c.path + "/..."}) && len(c.path) >= len(r.path) {
			r, ok = c, true
		}
	}
	return r, ok
}

// isInside tells whether the rules for the machine's inside hold for a package.
func isInside(path string) bool { return under(path, inside) && !under(path, testOnly) }

// A pkg is what `go list` says of a package.
type pkg struct {
	ImportPath, Dir, Name, Export string
	GoFiles, Imports              []string
	Standard                      bool
}

// imports lists what is wrong with a package's imports. path is relative to
// the module; files maps each file to what it imports.
func imports(path, name string, files map[string][]string) (wrong []string) {
	r, ok := roomOf(path)
	if !ok {
		return []string{path + " is in no room that the table of rooms names"}
	}
	may := r.may
	if name == "main" {
		may = slices.Concat(may, mainMay[strings.Split(path, "/")[0]])
	}
	for f, list := range files {
		for _, imp := range list {
			to, ours := strings.CutPrefix(imp, module+"/")
			switch {
			case !ours && isInside(path) && !slices.Contains(std, imp) && !slices.Contains(stdFiles[path+"/"+f], imp):
				wrong = append(wrong, path+"/"+f+" imports "+imp+", which is outside the machine")
			case ours && under(to, testOnly) && !under(path, testOnly):
				wrong = append(wrong, path+"/"+f+" imports "+to+", which is for tests only")
			case ours && !under(to, may) && !under(path, testOnly) && to != path:
				wrong = append(wrong, path+"/"+f+" imports "+to+"; "+r.path+" may import "+strings.Join(may, " "))
			case ours && isInside(path) && !isInside(to):
				wrong = append(wrong, path+"/"+f+" imports "+to+", which is outside the machine")
			}
		}
	}
	slices.Sort(wrong)
	return wrong
}
