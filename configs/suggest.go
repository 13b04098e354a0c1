package configs

import (
	"fmt"
	"reflect"
	"strings"

	"github.com/BurntSushi/toml"
)

// unknown refuses the first key that no field took.
func unknown(keys []toml.Key) error {
	if len(keys) == 0 {
		return nil
	}
	k := keys[0].String()
	msg := fmt.Sprintf("unknown key %.80q", k)
	known := names("", reflect.TypeFor[Appliance]())
	// The right word in the wrong table is likelier than a slip of the pen.
	for _, n := range known {
		if strings.HasSuffix(n, "."+keys[0][len(keys[0])-1]) {
			return fmt.Errorf("%s; did you mean %q?", msg, n)
		}
	}
	if n, ok := nearest(k, known); ok {
		return fmt.Errorf("%s; did you mean %q?", msg, n)
	}
	return fmt.Errorf("%s; every key is listed by: vmappliance init -", msg)
}

// names lists the dotted keys of a struct and of those within.
func names(prefix string, t reflect.Type) (out []string) {
	for i := range t.NumField() {
		f := t.Field(i)
		n := prefix + f.Tag.Get("toml")
		out = append(out, n)
		if f.Type.Kind() == reflect.Struct {
			out = append(out, names(n+".", f.Type)...)
		}
	}
	return out
}

// nearest finds the known word that s is most likely a slip of: at most a
// third of its letters changed.
func nearest(s string, known []string) (best string, ok bool) {
	if len(s) > 80 {
		return "", false
	}
	d := len(s)/3 + 1
	for _, k := range known {
		if n := distance(s, k); n < d {
			best, d, ok = k, n, true
		}
	}
	return best, ok
}

// distance is Levenshtein's: single-byte insertions, deletions and changes.
func distance(a, b string) int {
	row := make([]int, len(b)+1)
	for j := range row {
		row[j] = j
	}
	for i := range len(a) {
		diag := row[0]
		row[0] = i + 1
		for j := range len(b) {
			cost := 1
			if a[i] == b[j] {
				cost = 0
			}
			diag, row[j+1] = row[j+1], min(diag+cost, row[j]+1, row[j+1]+1)
		}
	}
	return row[len(b)]
}
