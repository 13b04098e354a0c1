package main

import (
	"os"
	"path/filepath"
	"slices"
	"testing"

	"github.com/rogpeppe/go-internal/testscript"
)

func TestMain(m *testing.M) {
	testscript.Main(away{m}, map[string]func(){"vmbundle": func() {
		if where := os.Getenv(burglarEnv); where != "" && (slices.Contains(os.Args, workerVerb) && !slices.Contains(os.Args, "--"+idleFlag) || os.Args[1] == "verify") {
			burglar(where)
		}
		if os.Getenv(peakEnv) != "" && !slices.Contains(os.Args, workerVerb) {
			os.Exit(peak())
		}
		main()
	}})
}

// away runs tests away from what the user has: branches, keys, reports, checkpoints.
type away struct{ *testing.M }

func (m away) Run() int {
	dir, err := os.MkdirTemp("", "vmbundle-test-")
	if err != nil {
		panic(err)
	}
	defer os.RemoveAll(dir)
	for name, value := range map[string]string{"VMRECORD_STATE": dir, "VMRECORD_CACHE": filepath.Join(dir, "cache"),
		"VMRECORD_KEYS": "", "VMB_BRANCHES": "", "VMB_INBOX": ""} {
		if err := os.Setenv(name, value); err != nil {
			panic(err)
		}
	}
	return m.M.Run()
}

// Scripts have a bundle in $BUNDLE, and files beside them in $SCRIPTS.
func TestScripts(t *testing.T) {
	m := newMade(t)
	data, err := filepath.Abs("testdata")
	ok(t, err)
	testscript.Run(t, testscript.Params{
		Dir:           "testdata/script",
		UpdateScripts: os.Getenv("UPDATE") != "",
		Setup: func(e *testscript.Env) error {
			e.Setenv("VMRECORD_STATE", e.WorkDir+"/state")
			e.Setenv("VMRECORD_CACHE", e.WorkDir+"/cache")
			e.Setenv("BUNDLE", m.file)
			e.Setenv("SCRIPTS", data)
			return nil
		},
	})
}
