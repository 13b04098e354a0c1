package keys

import (
	"bytes"
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"testing"
)

// TestRotate: who knows the first key comes to know the third, by statements that
// nobody else can make.
func TestRotate(t *testing.T) {
	dir := t.TempDir()
	first, err := New(dir, "first")
	if err != nil {
		t.Fatal(err)
	}
	second, err := Rotate(dir, "first", "second")
	if err != nil {
		t.Fatal(err)
	}
	made, err := New(dir, "third")
	if err != nil {
		t.Fatal(err)
	}
	third, err := Rotate(dir, "second", "third")
	if err != nil || third != made {
		t.Fatalf("keys that were there: %+v, made %+v: %v", third, made, err)
	}
	text, all, err := Rotations(filepath.Join(dir, "third"+RotationExt))
	if err != nil || len(all) != 2 || all[0] != (Rotation{first.Signs, second.Signs}) || all[1] != (Rotation{second.Signs, third.Signs}) {
		t.Fatalf("%+v, %v\n%s", all, err, text)
	}
	for _, c := range []struct {
		from, to string
		want     bool
	}{
		{first.Signs, third.Signs, true}, {second.Signs, third.Signs, true}, {first.Signs, second.Signs, true},
		{first.Signs, first.Signs, true}, {third.Signs, first.Signs, false}, {"", first.Signs, false},
	} {
		if got := Follows(all, c.from, c.to); got != c.want {
			t.Errorf("from %s to %s: %v", c.from, c.to, got)
		}
	}
	if circle := []Rotation{{"a", "b"}, {"b", "a"}}; Follows(circle, "a", "c") {
		t.Error("a circle leads out of itself")
	}
	if _, err := Rotate(dir, "second", "third"); !errors.Is(err, fs.ErrExist) {
		t.Errorf("again: %v", err)
	}
	if _, err := Rotate(dir, "nobody", "fourth"); !errors.Is(err, fs.ErrNotExist) {
		t.Errorf("after nobody: %v", err)
	}
	if all, err := List(dir); err != nil || len(all) != 3 {
		t.Errorf("%d pairs of keys: %v", len(all), err)
	}
	if _, all, err := Rotations(filepath.Join(dir, "first"+RotationExt)); err != nil || all != nil {
		t.Errorf("of the first: %v, %v", all, err)
	}
}

func TestRotationRefused(t *testing.T) {
	dir := t.TempDir()
	_, err := New(dir, "a")
	if err == nil {
		_, err = Rotate(dir, "a", "b")
	}
	if err != nil {
		t.Fatal(err)
	}
	other, err := New(dir, "other")
	if err != nil {
		t.Fatal(err)
	}
	text, all, err := Rotations(filepath.Join(dir, "b"+RotationExt))
	if err != nil {
		t.Fatal(err)
	}
	swap := func(old, new string) string { return strings.Replace(string(text), old, new, 1) }
	for _, c := range []struct{ name, text, want string }{
		{"another new key", swap(all[0].To, other.Signs), "it was not signed by " + all[0].From},
		{"another old key", swap(follows+all[0].From, follows+other.Signs), "it was not signed by"},
		{"about something else", swap(follows, "vmrecord: eat "), "it is about something else"},
		{"a line less", string(text[:len(text)-90]), "statement"},
		{"a line more", string(text) + "x\n", "7 lines"},
		{"too long", strings.Repeat("x", MaxRotation+1), "at most"},
		{"no key", "a\nb\nc\nd\ne\nf\n", "statement 1"},
	} {
		if _, err := ParseRotations([]byte(c.text)); err == nil || !strings.Contains(err.Error(), c.want) {
			t.Errorf("%s: %v, want ...%s...", c.name, err, c.want)
		}
	}
	file := filepath.Join(dir, "b"+RotationExt)
	if err := os.WriteFile(file, []byte("x\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	if _, err := Rotate(dir, "b", "c"); err == nil || !strings.Contains(err.Error(), file) {
		t.Errorf("a damaged file: %v", err)
	}
}

// FuzzRotations: what is read was signed, whatever stands in a file.
func FuzzRotations(f *testing.F) {
	dir := f.TempDir()
	_, err := New(dir, "a")
	if err == nil {
		_, err = Rotate(dir, "a", "b")
	}
	if err != nil {
		f.Fatal(err)
	}
	text, all, err := Rotations(filepath.Join(dir, "b"+RotationExt))
	if err != nil {
		f.Fatal(err)
	}
	f.Add(text)
	f.Add(bytes.Repeat(text, 2))
	f.Add([]byte("\n\n\n\n\n\n"))
	f.Fuzz(func(t *testing.T, b []byte) {
		got, err := ParseRotations(b)
		for _, r := range got {
			if err == nil && r.From == all[0].From && r != all[0] {
				t.Errorf("forged: %+v", r)
			}
		}
	})
}
