package main

import (
	"cmp"
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"

	"vmrecord/bundle"
)

// What earlier programs wrote is read as it was then: each folder of testdata/formats
// has bundles and recordings of one day's program, which nobody changes afterwards, and
// want.txt, a line for each: its name, the status of verify, its id, its end hash.
//
// A folder is added by the last program before a change of what is written: a number of
// a format, a part, a word in requires, a field that a reader minds, vmm.Model:
//
//	FORMATS=1-what-it-has go test ./cmd/vmbundle -run TestFormats
//
// The first folder is of the first program that packed, before the processor's state had
// all its fields: its bundle is read, and not replayed.
func TestFormats(t *testing.T) {
	const room = "testdata/formats"
	if name := os.Getenv("FORMATS"); name != "" {
		makeFormats(t, filepath.Join(room, name))
	}
	folders, err := filepath.Glob(filepath.Join(room, "*", "want.txt"))
	ok(t, err)
	if len(folders) < 2 {
		t.Fatal("there are no old bundles")
	}
	for _, f := range folders {
		want, err := os.ReadFile(f)
		ok(t, err)
		for line := range strings.Lines(string(want)) {
			name, _, _ := strings.Cut(line, " ")
			if got := judged(t, filepath.Dir(f), name); got != line {
				t.Errorf("%s: %swant %s", filepath.Dir(f), got, line)
			}
		}
	}
	first, err := filepath.Abs(filepath.Join(room, "1-first", "R-A41A-F08T.vmb"))
	ok(t, err)
	vmbundle(t, "", "verify", "--bytes-only", first).want(t, 0)
}

// judged is the line of want.txt that is true now.
func judged(t *testing.T, dir, name string) string {
	t.Helper()
	here := t.TempDir() // a recording is locked while it is read
	ok(t, os.CopyFS(here, os.DirFS(dir)))
	env := []string{"VMRECORD_KEYS=" + filepath.Join(here, "keys"), "VMRECORD_BASES=" + filepath.Join(here, "bases")}
	file := filepath.Join(here, name)
	var about bundle.Info
	var played replayDocument
	_ = json.Unmarshal([]byte(command(t, "", env, "vmbundle", "inspect", "--json", file).out), &about) // none for what is refused
	r := command(t, "", env, "vmbundle", "verify", "--json", file)
	_ = json.Unmarshal([]byte(r.out), &played)
	return fmt.Sprintln(name, r.status, cmp.Or(about.ID, "-"), cmp.Or(played.EndHash, "-"))
}

// makeFormats makes a folder of what today's program writes.
func makeFormats(t *testing.T, dir string) {
	m, other := newMade(t), newMadeBy(t, "z")
	ok(t, os.Mkdir(dir, 0o755))
	dir, err := filepath.Abs(dir)
	ok(t, err)
	at := func(name string) string { return filepath.Join(dir, name) }
	env := []string{"VMRECORD_KEYS=" + at("keys"), "VMRECORD_BASES=" + at("bases")}
	do := func(args ...string) string {
		return command(t, "", env, append([]string{"vmbundle"}, args...)...).want(t, 0).out
	}
	key := regexp.MustCompile(`age1[0-9a-z]+`).FindString(do("keys", "new"))
	golden := filepath.Join(t.TempDir(), "golden.vmg")
	do("golden", other.file, golden)
	for name, how := range map[string][]string{"whole": nil, "thin": {"--base", golden}, "slice": {"--level", "L1", "--base", golden},
		"report": {"--level", "L0"}, "sealed": {"--to", key, "--sign", "appliance"}} {
		do(append([]string{"pack", m.dir, at(name + ".vmb")}, how...)...)
	}
	a := readArchive(t, at("whole.vmb"))
	for name, edit := range map[string][2]string{
		"ext":      {`^\{`, "{\n \"unknown\": [1],\n \"ext\": {\"unknown\": {\"a\": 1}},"},
		"requires": {`"requires": \[\]`, `"requires": ["unknown"]`},
	} {
		ok(t, os.WriteFile(at(name+".vmb"), a.edit(t, edit[0], edit[1]).bytes(t), 0o644))
	}
	secret, err := filepath.Glob(at("keys/*.sign.*")) // nobody needs them any more
	ok(t, err)
	for _, k := range secret {
		ok(t, os.Remove(k))
	}
	ok(t, os.CopyFS(at("shelf"), os.DirFS(filepath.Dir(m.dir))))
	all, err := filepath.Glob(at("*.vmb"))
	ok(t, err)
	var want strings.Builder
	for _, f := range append(slices.Clone(all), at("shelf/"+filepath.Base(m.dir))) {
		name, err := filepath.Rel(dir, f)
		ok(t, err)
		want.WriteString(judged(t, dir, name))
	}
	ok(t, os.WriteFile(at("want.txt"), []byte(want.String()), 0o644))
}
