package main

import (
	"os"
	"path/filepath"
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
