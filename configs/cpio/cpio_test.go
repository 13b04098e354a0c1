package cpio

import (
	"bytes"
	"errors"
	"os"
	"os/exec"
	"strings"
	"testing"
)

var some = []File{
	{Name: "init", Mode: 0o755, Data: []byte("#!bin/sh\n")},
	{Name: "bin/sh", Mode: Regular | 0o755, Data: []byte("x")},
	{Name: "dev/console", Mode: Char | 0o600, Major: 5, Minor: 1},
	{Name: "sh", Mode: Symlink | 0o777, Data: []byte("bin/sh")},
}

func TestGolden(t *testing.T) {
	b, err := BuildInitramfs(some)
	if err != nil {
		t.Fatal(err)
	}
	got := bytes.ReplaceAll(bytes.TrimRight(b, "\x00"), []byte{0}, []byte("."))
	got = append(bytes.ReplaceAll(got, []byte("070701"), []byte("\n070701")), '\n')
	const golden = "testdata/some.cpio.txt"
	if os.Getenv("UPDATE") != "" {
		if err := os.WriteFile(golden, got, 0o644); err != nil {
			t.Fatal(err)
		}
	}
	want, err := os.ReadFile(golden)
	if err != nil {
		t.Fatal(err)
	}
	if !bytes.Equal(got, want) {
		t.Errorf("got\n%s\nwant\n%s", got, want)
	}
	if len(b)%512 != 0 {
		t.Errorf("%d bytes", len(b))
	}
}

// The order in which files are given does not show.
func TestStable(t *testing.T) {
	a, _ := BuildInitramfs(some)
	b, _ := BuildInitramfs([]File{some[3], some[2], some[1], some[0]})
	if !bytes.Equal(a, b) {
		t.Error("differs with the order")
	}
}

// Another implementation, where there is one, reads what we write.
func TestOtherReader(t *testing.T) {
	cpio, err := exec.LookPath("cpio")
	if err != nil {
		t.Log("no cpio here; the golden stands alone")
		return
	}
	b, _ := BuildInitramfs(some)
	c := exec.Command(cpio, "-t", "--quiet")
	c.Stdin = bytes.NewReader(b)
	out, err := c.Output()
	if want := "bin\nbin/sh\ndev\ndev/console\ninit\nsh\n"; err != nil || string(out) != want {
		t.Errorf("%q %v, want %q", out, err, want)
	}
}

func TestRefused(t *testing.T) {
	for _, c := range []struct {
		f    []File
		want string
	}{
		{[]File{{Name: "/init"}}, "not a name"},
		{[]File{{Name: "a/../../b"}}, "not a name"},
		{[]File{{Name: ""}}, "not a name"},
		{[]File{{Name: "a\x00b"}}, "not a name"},
		{[]File{{Name: "a"}, {Name: "a"}}, "stands twice"},
		{[]File{{Name: trailer}}, "cannot stand"},
		{[]File{{Name: strings.Repeat("a", 2000)}}, "cannot stand"},
		{[]File{{Name: "a", Mode: Dir, Data: []byte("x")}}, "has contents"},
	} {
		if _, err := BuildInitramfs(c.f); err == nil || !strings.Contains(err.Error(), c.want) {
			t.Errorf("%.40q: %v, want %s", c.f[0].Name, err, c.want)
		}
	}
}

func TestCheck(t *testing.T) {
	b, _ := BuildInitramfs(some)
	for _, c := range []struct {
		name string
		b    []byte
		want string // "" for well
	}{
		{"whole", b, ""},
		{"two", append(bytes.Clone(b), b...), ""},
		{"none", nil, ""},
		{"gzip", []byte("\x1f\x8b\x08junk"), ""},
		{"cpio then gzip", append(bytes.Clone(b), "\x1f\x8b\x08junk"...), ""},
		{"text", []byte(strings.Repeat("hello ", 40)), "not with a cpio newc header"},
		{"header cut", b[:60], "entry at byte 0 is cut short"},
		{"name cut", b[:111], "name does not end"},
		{"no trailer", b[:len(bytes.TrimRight(b, "\x00"))-130], ""},
		{"bad digit", bytes.Replace(b, []byte("070701000000"), []byte("07070100000g"), 1), ""},
	} {
		err := Check(c.b)
		switch c.name {
		case "no trailer":
			if !errors.Is(err, ErrDamaged) {
				t.Errorf("%s: %v", c.name, err)
			}
		case "bad digit": // in a field that we do not read
		default:
			if (c.want == "") != (err == nil) || err != nil && (!strings.Contains(err.Error(), c.want) || !errors.Is(err, ErrDamaged)) {
				t.Errorf("%s: %v, want %q", c.name, err, c.want)
			}
		}
	}
	cut := bytes.Clone(b)
	copy(cut[bytes.Index(cut, []byte("00000009")):], "7FFFFFFF")
	if err := Check(cut); err == nil || !strings.Contains(err.Error(), "cut short") {
		t.Error(err)
	}
}

func FuzzCheck(f *testing.F) {
	b, _ := BuildInitramfs(some)
	f.Add(b)
	f.Add(b[:200])
	f.Fuzz(func(t *testing.T, b []byte) {
		if err := Check(b); err != nil && !errors.Is(err, ErrDamaged) {
			t.Error(err)
		}
	})
}
