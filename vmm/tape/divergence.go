package tape

import (
	"encoding/binary"
	"fmt"
	"slices"
	"strconv"
	"strings"

	"vmrecord/vmm"
)

// A Divergence says where a replay stopped being the recording: all that the
// heartbeat at Good compares was the same, and at Bad something is not. Section always names the part of the machine
// that differs; Field, Want (recorded) and Got (replayed) are set where the
// tape holds the value, else they are empty.
type Divergence struct {
	Good, Bad   vmm.Position
	Section     string
	Field       string
	Want, Got   string
	HashesAlone bool // the tape holds only hashes here
}

func (d *Divergence) Error() string {
	s := fmt.Sprintf("replay diverged between %v and %v: %s differs", d.Good, d.Bad, d.Section)
	switch {
	case d.Field != "":
		s = fmt.Sprintf("replay diverged between %v and %v: %s.%s: recorded %s, replayed %s", d.Good, d.Bad, d.Section, d.Field, d.Want, d.Got)
	case d.HashesAlone:
		s += "; the tape holds only hashes there, so the field is not known"
	}
	return s
}

// FieldDiff finds the first field in which two saved states of one schema
// (package snap) differ: its path, and its values in both.
func FieldDiff(schema string, want, got []byte) (field, w, g string, found bool) {
	d := differ{want: want, got: got}
	d.value(&schema, "")
	return strings.TrimPrefix(d.field, "."), d.w, d.g, d.field != ""
}

// A differ walks two states along their schema until they differ.
type differ struct {
	want, got []byte
	field     string
	w, g      string
}

func (d *differ) found(path, w, g string) { d.field, d.w, d.g = path, w, g }

// value consumes one value and its schema.
func (d *differ) value(s *string, path string) {
	t := *s
	switch {
	case strings.HasPrefix(t, "{"):
		*s = t[1:]
		for d.field == "" && !strings.HasPrefix(*s, "}") {
			*s = strings.TrimPrefix(*s, " ")
			name, rest, ok := strings.Cut(*s, ":")
			if !ok {
				*s = "}"
				return
			}
			*s = rest
			d.value(s, path+"."+name)
		}
		*s = strings.TrimPrefix(*s, "}")
	case strings.HasPrefix(t, "["):
		n, rest, _ := strings.Cut(t[1:], "]")
		d.list(n, rest, s, path)
	default:
		i := strings.IndexAny(t, " }")
		if i < 0 {
			i = len(t)
		}
		*s = t[i:]
		d.plain(t[:i], path)
	}
}

// list walks an array of n elements, or a slice if n is empty.
func (d *differ) list(n, elem string, s *string, path string) {
	count, err := strconv.Atoi(n)
	if n == "" {
		a, b := d.length()
		if err = nil; a != b {
			d.found("len("+strings.TrimPrefix(path, ".")+")", fmt.Sprint(a), fmt.Sprint(b))
			return
		}
		count = int(min(a, uint64(len(d.want))))
	}
	*s = skip(elem)
	for i := 0; err == nil && i < count && d.field == "" && len(d.want) > 0; i++ {
		e := elem
		d.value(&e, fmt.Sprintf("%s[%d]", path, i))
	}
}

func (d *differ) length() (want, got uint64) {
	a, i := binary.Uvarint(d.want)
	b, j := binary.Uvarint(d.got)
	if i <= 0 || j <= 0 {
		d.want, d.got = nil, nil
		return 0, 0
	}
	d.want, d.got = d.want[i:], d.got[j:]
	return a, b
}

// skip returns what follows one type in a schema.
func skip(t string) string {
	depth := 0
	for i, c := range t {
		switch {
		case c == '{':
			depth++
		case c == '}' && depth > 0:
			if depth--; depth == 0 {
				return t[i+1:]
			}
		case (c == ' ' || c == '}') && depth == 0:
			return t[i:]
		}
	}
	return ""
}

func (d *differ) plain(kind, path string) {
	n := uint64(map[string]int{"bool": 1, "uint8": 1, "int8": 1, "uint16": 2, "int16": 2, "uint32": 4, "int32": 4, "uint64": 8, "int64": 8}[kind])
	m := n
	if kind == "string" {
		n, m = d.length()
	}
	n, m = min(n, uint64(len(d.want))), min(m, uint64(len(d.got)))
	w, g := d.want[:n], d.got[:m]
	d.want, d.got = d.want[n:], d.got[m:]
	if slices.Equal(w, g) {
		return
	}
	if kind == "string" {
		d.found(path, strconv.Quote(string(w)), strconv.Quote(string(g)))
		return
	}
	var x, y [8]byte
	copy(x[:], w)
	copy(y[:], g)
	d.found(path, fmt.Sprintf("%#x", binary.LittleEndian.Uint64(x[:])), fmt.Sprintf("%#x", binary.LittleEndian.Uint64(y[:])))
}
