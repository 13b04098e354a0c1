package debug

import (
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"vmrecord/bundle/debug/program"
)

// paths are gdb's rules that lead from where programs' source was when they were
// built to the folders where it is now.
func paths(programs []program.Image, dirs []string) (script string, err error) {
	for _, dir := range dirs {
		if dir, err = filepath.Abs(dir); err != nil {
			return "", err
		}
		if _, err := os.ReadDir(dir); err != nil {
			return "", err
		}
		from := map[string]bool{}
		for _, p := range programs {
			folders, err := p.Sources()
			if err != nil {
				return "", err
			}
			for folder, files := range folders {
				if f, ok := moved(folder, files, dir); ok {
					from[f] = true
				}
			}
		}
		script += rules(from, dir)
	}
	return script, nil
}

// rules writes those for one folder. gdb takes the first that fits, so that the
// longest come first; and it looks below a folder for what has no path.
func rules(from map[string]bool, dir string) (script string) {
	var all []string
	for f := range from {
		all = append(all, f)
	}
	slices.SortFunc(all, func(a, b string) int {
		if len(a) != len(b) {
			return len(b) - len(a)
		}
		return strings.Compare(a, b)
	})
	for _, f := range all {
		if f != "" {
			script += fmt.Sprintf("set substitute-path %s %s\n", quote(f), quote(dir))
		}
	}
	return script + fmt.Sprintf("directory %s\n", quote(dir))
}

// moved tells what of a folder's path stands for dir: that before a part of its
// end below which dir has all of the folder's files.
func moved(folder string, files []string, dir string) (from string, ok bool) {
	for at := 0; ; {
		end := folder[at:]
		missing := func(f string) bool {
			_, err := os.Stat(filepath.Join(dir, end, f))
			return err != nil
		}
		if !slices.ContainsFunc(files, missing) {
			return strings.TrimSuffix(folder[:at], "/"), true
		}
		if end == "" {
			return "", false
		}
		if i := strings.IndexByte(end, '/'); i >= 0 {
			at += i + 1
		} else {
			at = len(folder)
		}
	}
}
