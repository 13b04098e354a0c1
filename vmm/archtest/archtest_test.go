package archtest

import (
	"encoding/json"
	"errors"
	"fmt"
	"go/ast"
	"go/importer"
	"go/parser"
	"go/token"
	"go/types"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"testing"
)

// list asks the go command for packages and what they depend on.
func list(t *testing.T, patterns ...string) (ours []*pkg, export map[string]string) {
	t.Helper()
	cmd := exec.Command("go", append([]string{"list", "-export", "-deps", "-json=ImportPath,Dir,Name,Export,GoFiles,Imports,Standard"}, patterns...)...)
	cmd.Stderr = os.Stderr
	out, err := cmd.Output()
	if err != nil {
		t.Fatal(err)
	}
	export = map[string]string{}
	for dec := json.NewDecoder(strings.NewReader(string(out))); ; {
		p := new(pkg)
		if err := dec.Decode(p); errors.Is(err, io.EOF) {
			return ours, export
		} else if err != nil {
			t.Fatal(err)
		}
		export[p.ImportPath] = p.Export
		if strings.HasPrefix(p.ImportPath, module+"/") {
			ours = append(ours, p)
		}
	}
}

// parse reads files of one package.
func parse(t *testing.T, dir string, names []string, mode parser.Mode) (*token.FileSet, []*ast.File) {
	t.Helper()
	fset := token.NewFileSet()
	var files []*ast.File
	for _, n := range names {
		f, err := parser.ParseFile(fset, filepath.Join(dir, n), nil, mode)
		if err != nil {
			t.Fatal(err)
		}
		files = append(files, f)
	}
	return fset, files
}

func check(t *testing.T, path string, fset *token.FileSet, files []*ast.File, export map[string]string) *types.Info {
	t.Helper()
	info := &types.Info{Types: map[ast.Expr]types.TypeAndValue{}, Defs: map[*ast.Ident]types.Object{},
		Uses: map[*ast.Ident]types.Object{}, Selections: map[*ast.SelectorExpr]*types.Selection{}}
	cfg := types.Config{Importer: importer.ForCompiler(fset, "gc", func(p string) (io.ReadCloser, error) { return os.Open(export[p]) })}
	if _, err := cfg.Check(path, fset, files, info); err != nil {
		t.Fatal(err)
	}
	return info
}

func TestTheBuilding(t *testing.T) {
	ours, export := list(t, module+"/...")
	if len(ours) < 10 {
		t.Fatalf("%d packages: the list is broken", len(ours))
	}
	for _, p := range ours {
		path := strings.TrimPrefix(p.ImportPath, module+"/")
		fset, files := parse(t, p.Dir, p.GoFiles, parser.ParseComments)
		imp := map[string][]string{}
		for i, f := range files {
			for _, s := range f.Imports {
				v, _ := strconv.Unquote(s.Path.Value)
				imp[p.GoFiles[i]] = append(imp[p.GoFiles[i]], v)
			}
		}
		for _, w := range imports(path, p.Name, imp) {
			t.Error(w)
		}
		if !isInside(path) {
			continue
		}
		info := check(t, p.ImportPath, fset, files, export)
		for i, f := range files {
			for _, w := range scan(fset, info, f, path+"/"+p.GoFiles[i] == floatFile) {
				t.Errorf("%s/%s", path, w)
			}
		}
	}
}

// TestRulesFire: each line of testdata that breaks a rule says which, and no other is found.
func TestRulesFire(t *testing.T) {
	want := regexp.MustCompile(`// want "(.*)"`)
	for _, c := range []struct {
		file   string
		floats bool
	}{{"bad.go", false}, {"badfloat.go", true}} {
		_, export := list(t, "errors", "math", "reflect")
		fset, files := parse(t, "testdata", []string{c.file}, 0)
		got := scan(fset, check(t, "bad", fset, files, export), files[0], c.floats)
		src, err := os.ReadFile("testdata/" + c.file)
		if err != nil {
			t.Fatal(err)
		}
		var exp []string
		for i, l := range strings.Split(string(src), "\n") {
			if m := want.FindStringSubmatch(l); m != nil {
				exp = append(exp, fmt.Sprintf("%s:%d: %s", c.file, i+1, m[1]))
			}
		}
		slices.Sort(exp)
		for _, w := range exp {
			if !slices.Contains(got, w) {
				t.Errorf("missed: %s", w)
			}
		}
		for _, g := range got {
			if !slices.Contains(exp, g) {
				t.Errorf("found without reason: %s", g)
			}
		}
	}
}

func TestImportRules(t *testing.T) {
	for _, c := range []struct {
		path, name, imp string
		fine            bool
	}{
		{"vmm", "vmm", "fmt", true},
		{"vmm", "vmm", "time", false},
		{"vmm", "vmm", "os", false},
		{"vmm", "vmm", "vmrecord/vmm/cpu", true},
		{"vmm", "vmm", "vmrecord/vmm/host", false},
		{"vmm", "vmm", "vmrecord/hwdevices/pc", false},
		{"vmm", "vmm", "github.com/spf13/cobra", false},
		{"vmm/cpu", "cpu", "vmrecord/vmm", false},
		{"vmm/x86", "x86", "vmrecord/vmm/cpu", false},
		{"vmm/interp", "interp", "vmrecord/vmm/cpu", true},
		{"vmm/interp", "interp", "vmrecord/vmm/jit", false},
		{"vmm/jit", "jit", "vmrecord/vmm/interp", false},
		{"vmm/host", "host", "time", true},
		{"vmm/host", "host", "vmrecord/vmm", true},
		{"vmm/softfp", "softfp", "math", false},
		{"vmm/softfp", "softfp", "vmrecord/vmm/softfp/hostfpu", false},
		{"hwdevices/timer", "timer", "vmrecord/vmm", true},
		{"hwdevices/timer", "timer", "vmrecord/vmm/host", false},
		{"hwdevices/timer", "timer", "vmrecord/backdoor", false},
		{"hwdevices/timer", "timer", "vmrecord/hwdevices/devtest", false},
		{"hwdevices/pc", "pc", "vmrecord/backdoor", true},
		{"hwdevices/devtest", "devtest", "testing", true},
		{"backdoor", "backdoor", "vmrecord/backdoor/wire", true},
		{"backdoor/wire", "wire", "vmrecord/vmm", false},
		{"guestagent", "guestagent", "vmrecord/backdoor/wire", true},
		{"guestagent", "guestagent", "vmrecord/backdoor", false},
		{"bundle", "bundle", "vmrecord/hwdevices/pc", true},
		{"bundle", "bundle", "vmrecord/cmd/internal/cli", false},
		{"bundle/store", "store", "vmrecord/vmm", false},
		{"configs", "configs", "vmrecord/guestagent", false},
		{"configs/demo/ledger", "main", "vmrecord/guestagent/recorder", true},
		{"configs/demo/ledger", "main", "vmrecord/vmm", false},
		{"cmd/vmappliance", "main", "vmrecord/bundle", true},
		{"cmd/vmagent", "main", "vmrecord/vmm", false},
		{"attic", "attic", "fmt", false},
	} {
		got := imports(c.path, c.name, map[string][]string{"x.go": {c.imp}})
		if (len(got) == 0) != c.fine {
			t.Errorf("%s imports %s: %v", c.path, c.imp, got)
		}
	}
	if w := imports("vmm/softfp", "softfp", map[string][]string{"host64.go": {"math"}}); w != nil {
		t.Error(w)
	}
}
