package configs

import (
	"fmt"
	"reflect"
	"strings"

	"github.com/BurntSushi/toml"

	"vmrecord/configs/spelling"
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
	if n, ok := spelling.Nearest(k, known); ok {
		return fmt.Errorf("%s; did you mean %q?", msg, n)
	}
	return fmt.Errorf("%s; every key is listed by: vmappliance init -", msg)
}

// names lists the dotted keys of a struct and of those within.
func names(prefix string, t reflect.Type) (out []string) {
	for i := range t.NumField() {
		f := t.Field(i)
		if f.Tag.Get("toml") == "-" {
			continue
		}
		n := prefix + f.Tag.Get("toml")
		out = append(out, n)
		within := f.Type
		if within.Kind() == reflect.Slice {
			within = within.Elem()
		}
		if within.Kind() == reflect.Struct {
			out = append(out, names(n+".", within)...)
		}
	}
	return out
}
