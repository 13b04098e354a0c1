package main

import (
	"os"
	"path/filepath"
	"regexp"
	"testing"
)

// TestSealedBundle: whoever has the key replays it, whoever has not is told which
// key it takes; receiving it takes none.
func TestSealedBundle(t *testing.T) {
	m, dir := newMade(t), t.TempDir()
	vendor := []string{"VMRECORD_KEYS=" + filepath.Join(dir, "vendor")}
	other := []string{"VMRECORD_KEYS=" + filepath.Join(dir, "other")}
	said := command(t, "", vendor, "vmbundle", "keys", "new").want(t, 0, "[vendor]")
	key := regexp.MustCompile(`age1[0-9a-z]+`).FindString(said.out)
	file := filepath.Join(dir, "sealed.vmb")
	command(t, "", other, "vmbundle", "pack", m.dir, file, "--to", key, "--sign", "appliance").want(t, 0, "sealed.vmb")

	command(t, "", vendor, "vmbundle", "replay", file).want(t, 0, "identical: ")
	command(t, "", vendor, "vmbundle", "inspect", file).want(t, 0, `signed     by "RW`, `sealed     to "`+key)
	command(t, "", other, "vmbundle", "replay", file).want(t, 4, key, "to use its secret half: cp THE-KEY "+filepath.Join(dir, "other"))
	inbox := filepath.Join(dir, "inbox")
	command(t, "", other, "vmbundle", "ingest", file, "--dir", inbox).want(t, 0, "R-")

	for name, bad := range map[string]string{"NAME.key": "no key", "x.key": "AGE-SECRET-KEY-1XXX"} {
		keys := filepath.Join(dir, name)
		ok(t, os.Mkdir(keys, 0o700))
		ok(t, os.WriteFile(filepath.Join(keys, "x.key"), []byte(bad), 0o600))
		command(t, "", []string{"VMRECORD_KEYS=" + keys}, "vmbundle", "replay", file).want(t, 1, filepath.Join(keys, "x.key"))
	}
}
