package main

import (
	"os"
	"path/filepath"
	"testing"

	"github.com/rogpeppe/go-internal/testscript"
)

func TestMain(m *testing.M) {
	testscript.Main(m, map[string]func(){"vmbundle": main})
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
			e.Setenv("BUNDLE", m.file)
			e.Setenv("SCRIPTS", data)
			e.Setenv("VMRECORD_CACHE", e.WorkDir+"/cache")
			return nil
		},
	})
}
