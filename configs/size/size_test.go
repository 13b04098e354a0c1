package size

import "testing"

func TestParse(t *testing.T) {
	for _, c := range []struct {
		in   string
		want Bytes
		out  string
	}{
		{"0", 0, "0"}, {"1", 1, "1"}, {"1024", 1024, "1K"}, {"128M", 128 << 20, "128M"}, {"1g", 1 << 30, "1G"}, {"1536M", 1536 << 20, "1536M"},
	} {
		if z, err := Parse(c.in); err != nil || z != c.want || z.String() != c.out {
			t.Errorf("%s: %d %s %v", c.in, z, z, err)
		}
	}
	for _, s := range []string{"", "M", "-1", "1.5G", "1T", "18446744073709551615G", "1MM"} {
		if z, err := Parse(s); err == nil {
			t.Errorf("%q: %d, want an error", s, z)
		}
	}
}
