package main

import (
	"bytes"
	"os"
	"path/filepath"
	"slices"
	"testing"
)

// TestThinBundle: against a golden of another recording and a file it is the same
// recording, for whoever has both, and whoever has not is told what to add.
func TestThinBundle(t *testing.T) {
	m, other, dir := newMade(t), newMadeBy(t, "z"), t.TempDir()
	user := []string{"VMRECORD_BASES=" + filepath.Join(dir, "user")}
	vendor := []string{"VMRECORD_BASES=" + filepath.Join(dir, "vendor")}
	golden, file, thin := filepath.Join(dir, "g.vmg"), filepath.Join(dir, "published"), filepath.Join(dir, "thin.vmb")
	ok(t, os.WriteFile(file, []byte("something"), 0o600))
	command(t, "", vendor, "vmbundle", "golden", other.file, golden).want(t, 0, golden)
	command(t, "", vendor, "vmbundle", "golden", other.file, golden).want(t, 1, "exists", "--force")
	command(t, "", vendor, "vmbundle", "golden", other.dir, golden, "--force", "--json").want(t, 0, `"vmbundle.golden/1"`, `"kind": "golden"`)
	command(t, "", user, "vmbundle", "pack", m.dir, thin, "--base", golden, "--base", file).want(t, 0, thin)
	command(t, "", user, "vmbundle", "verify", thin).want(t, 0)

	command(t, "", vendor, "vmbundle", "inspect", thin).want(t, 0, "level L2", `base       "our guest 1", a "golden" of `, `base       "published", a "file" of 1 pages`)
	command(t, "", vendor, "vmbundle", "base", "list").want(t, 3, "no bases in "+filepath.Join(dir, "vendor"), "vmbundle base add FILE")
	command(t, "", vendor, "vmbundle", "replay", thin).want(t, 6, `the base "our guest 1" is missing in `+filepath.Join(dir, "vendor"), "vmbundle base add FILE")
	command(t, "", vendor, "vmbundle", "base", "add", golden, file).want(t, 0, `"our guest 1"`, "published")
	command(t, "", vendor, "vmbundle", "base", "list", "--json").want(t, 0, `"vmbundle.bases/1"`, `"name": "published"`)
	command(t, "", vendor, "vmbundle", "replay", thin).want(t, 0, "identical: ")

	small := filepath.Join(dir, "small.vmb")
	command(t, "", user, "vmbundle", "pack", m.dir, small, "--level", "L1", "--base", golden).want(t, 0, small)
	command(t, "", user, "vmbundle", "verify", small).want(t, 0)
	command(t, "", user, "vmbundle", "replay", small).want(t, 0, "identical: ")
	command(t, "", user, "vmbundle", "inspect", small).want(t, 0, "level L1", `good for   ["replay" "debug"]`)
	for _, args := range [][]string{{"golive", small, "--at", "50%"}, {"replay", small, "--takeover"}, {"golden", small, filepath.Join(dir, "x")},
		{"export", small, "--format", "vmcore", "-o", filepath.Join(dir, "x")}} {
		command(t, "", user, append([]string{"vmbundle"}, args...)...).want(t, 6, "level L1", "ask the sender for level L2")
	}
	for level, says := range map[string]string{"L2": "--base FILE", "L4": "it is L0, L1, L2 or L3"} {
		command(t, "", user, "vmbundle", "pack", m.dir, small, "--level", level).want(t, 2, says)
	}
	report := filepath.Join(dir, "report.vmb")
	command(t, "", user, "vmbundle", "pack", m.dir, report, "--level", "L0").want(t, 0, report)
	command(t, "", user, "vmbundle", "inspect", report).want(t, 0, "level L0", `good for   []`, "  | last lines on the console:")
	command(t, "", user, "vmbundle", "verify", report).want(t, 0, "a report, nothing to replay")
	command(t, "", user, "vmbundle", "replay", report).want(t, 6, "level L0")
	command(t, "", user, "vmbundle", "pack", m.dir, report, "--level", "L0", "--base", golden).want(t, 2, "leave out --base")
	command(t, "", user, "vmbundle", "pack", m.dir, small, "--level", "L3", "--base", golden).want(t, 2, "--level L2")

	command(t, "", user, "vmbundle", "base", "add", filepath.Join(dir, "none")).want(t, 3, "there is no file")
	bad := filepath.Join(dir, "bad.vmg")
	ok(t, os.WriteFile(bad, []byte("no base"), 0o600))
	command(t, "", user, "vmbundle", "base", "add", bad).want(t, 5, "bad.vmg", "damaged")
}

// TestBaseOfTheInbox: what is missing here is read from the team's inbox, as far as it
// is needed and no further, and checked; a check's worker reads it as well.
func TestBaseOfTheInbox(t *testing.T) {
	m, dir := newMade(t), t.TempDir()
	made, shared := filepath.Join(dir, "made"), filepath.Join(dir, "in", "bases")
	here := []string{"VMRECORD_BASES=" + made}
	golden, thin, other := filepath.Join(dir, "g.vmg"), filepath.Join(dir, "thin.vmb"), filepath.Join(dir, "other")
	ok(t, os.WriteFile(other, bytes.Repeat([]byte("of no use"), 1000), 0o600))
	command(t, "", here, "vmbundle", "golden", m.file, golden).want(t, 0)
	command(t, "", here, "vmbundle", "pack", m.dir, thin, "--base", golden, "--base", other).want(t, 0)

	there := []string{"VMRECORD_BASES=" + filepath.Join(dir, "none"), "VMB_INBOX=" + filepath.Join(dir, "in")}
	command(t, "", there, "vmbundle", "replay", thin).want(t, 6, "is missing in "+filepath.Join(dir, "none")+" and in "+shared, "vmbundle base add FILE")
	command(t, "", there, "vmbundle", "base", "add", "--inbox", golden, other).want(t, 0, `"our guest 1"`)
	command(t, "", there, "vmbundle", "replay", thin).want(t, 0, "identical: ")
	command(t, "", there, "vmbundle", "base", "list").want(t, 3) // nothing was copied
	command(t, "", there, "vmbundle", "ingest", thin).want(t, 0)
	command(t, "", there[:1], "vmbundle", "inbox", "check", "--dir", filepath.Join(dir, "in")).want(t, 0, "reproduced")

	// The golden is by far the larger of the two. What is not needed may be damaged.
	files, err := filepath.Glob(filepath.Join(shared, "*.vmg"))
	ok(t, err)
	slices.SortFunc(files, func(x, y string) int { return int(sizeOf(t, x) - sizeOf(t, y)) })
	for i, status := range []int{0, 5} {
		b, err := os.ReadFile(files[i])
		ok(t, err)
		at := []int{len(b) - 10, len(b) / 2}[i] // among its pages: a golden ends with other things
		b[at] ^= 1
		ok(t, os.WriteFile(files[i], b, 0o600))
		command(t, "", there, "vmbundle", "replay", thin).want(t, status, map[int]string{0: "identical: ", 5: "the base is damaged"}[status])
	}
}

func sizeOf(t *testing.T, name string) int64 {
	st, err := os.Stat(name)
	ok(t, err)
	return st.Size()
}
