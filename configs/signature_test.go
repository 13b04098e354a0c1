package configs

import (
	"bytes"
	"errors"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"aead.dev/minisign"
)

func signingKey(t testing.TB) (public string, key *minisign.PrivateKey) {
	t.Helper()
	pub, k, err := minisign.GenerateKey(nil)
	if err != nil {
		t.Fatal(err)
	}
	return pub.String(), &k
}

// TestSigned: a file that names its signer loads with the signature of all its bytes,
// and otherwise not.
func TestSigned(t *testing.T) {
	public, key := signingKey(t)
	_, other := signingKey(t)
	text, err := Release([]byte(good), public, "")
	if err != nil {
		t.Fatal(err)
	}
	sig := Signed(key, text)
	swap := func(b []byte, old, new string) []byte { return bytes.Replace(b, []byte(old), []byte(new), 1) }
	for _, c := range []struct {
		name      string
		text, sig []byte
		want      string
	}{
		{"as signed", text, sig, ""},
		{"no signature", text, nil, "its signature appliance.toml.minisig is not there"},
		{"another recipient", swap(text, "a@b.example", "z@b.example"), sig, "was altered after " + public},
		{"another server", swap(text, ":25", ":26"), sig, "was altered after"},
		{"a comment", append(text[:len(text):len(text)], "# x\n"...), sig, "was altered after"},
		{"cut short", text[:len(text)-1], sig, "was altered after"},
		{"signed by another key", text, Signed(other, text), "is another key's than " + public},
		{"of another text", text, Signed(key, []byte(good)), "was altered after"},
		{"its comment changed", text, swap(sig, "vmrecord configuration", "vmrecord configuratioN"), "was altered after"},
		{"damaged", text, sig[:40], "its signature is damaged"},
		{"empty", text, []byte{}, "its signature is damaged"},
		{"too long", text, make([]byte, maxSignature+1), "is no signature"},
		{"not signed", []byte(good), nil, ""},
		{"signer taken away", []byte(good), sig, ""}, // which the user's memory refuses: package consent
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Chdir(t.TempDir())
			const name = "appliance.toml"
			err := os.WriteFile(name, c.text, 0o600)
			if c.sig != nil {
				err = errors.Join(err, os.WriteFile(name+SignatureExt, c.sig, 0o600))
			}
			if err != nil {
				t.Fatal(err)
			}
			a, err := Load(name)
			refused := (*SignatureError)(nil)
			switch {
			case c.want == "" && (err != nil || a == nil):
				t.Error(err)
			case c.want != "" && (!errors.As(err, &refused) || !strings.Contains(err.Error(), c.want)):
				t.Errorf("%v\nwant ...%s...", err, c.want)
			case c.want != "" && !strings.Contains(err.Error(), "ask its vendor for the file"):
				t.Errorf("%v: what is to be done?", err)
			}
		})
	}
}

func TestRelease(t *testing.T) {
	public, _ := signingKey(t)
	const code = "E-ABCDEFGHIJKLMNOPQRSTUVWXYZ"
	for _, c := range []struct{ old, new, enroll, want string }{
		{"", "", code, ""},
		{"", "", "", ""},
		{"[vendor]", "  [ vendor ] # whom", code, ""},
		{"[vendor]", "[vendor]\nsigner=\"" + public + "\"\nenroll=\"" + code + "\"", code, ""},
		{"[vendor]", "[vendor]\nenroll=\"" + code + "\"", "", ""},
		{"[vendor]", "[vendor]\nenroll=\"E-BBBBBBBBBBBBBBBBBBBBBBBBBB\"", code, "vendor.enroll is \"E-BBBB"},
		{"[vendor]", "[vendor]\nenroll=\"x\"", code, "which is no enrolment code; to make one: vmbundle inbox enroll new"},
		{"[vendor]", "[vendor]\nsigner=\"RWx\"", code, "which is no key that signs"},
		{"[vendor]", "['vendor']", code, "write them under [vendor]:\nsigner = \"RW"},
		{"[machine]", "[machine]\nappend=\"\"\"\\\n[vendor]\n\"\"\"", code, "control characters"},
	} {
		c.new = strings.Replace(good, c.old, c.new, 1)
		text, err := Release([]byte(c.new), public, c.enroll)
		if c.want != "" {
			if err == nil || !strings.Contains(err.Error(), c.want) {
				t.Errorf("%s:\n%v\nwant ...%s...", c.new, err, c.want)
			}
			continue
		}
		if err != nil {
			t.Errorf("%s: %v", c.new, err)
			continue
		}
		again, err := Release(text, public, c.enroll)
		if err != nil || !bytes.Equal(again, text) {
			t.Errorf("released again it is another: %v\n%s", err, again)
		}
		if a, err := Parse(text); err != nil || a.Vendor.Signer != public || c.enroll != "" && a.Vendor.Enroll != c.enroll {
			t.Errorf("%v\n%s", err, text)
		}
	}
}

// FuzzSignature: whatever stands in a signature file, only the signature passes.
func FuzzSignature(f *testing.F) {
	public, key := signingKey(f)
	text, err := Release([]byte(good), public, "")
	if err != nil {
		f.Fatal(err)
	}
	sig := Signed(key, text)
	f.Add(sig)
	f.Add([]byte("untrusted comment: x\nRWQ=\ntrusted comment: \n\n"))
	f.Fuzz(func(t *testing.T, b []byte) {
		a := Appliance{Vendor: Vendor{Signer: public}}
		name := filepath.Join(t.TempDir(), "a.toml")
		if err := os.WriteFile(name+SignatureExt, b, 0o600); err != nil {
			t.Fatal(err)
		}
		var is, was minisign.Signature
		_ = was.UnmarshalText(sig)
		if a.checkSignature(name, text) == nil && (is.UnmarshalText(b) != nil || is.Signature != was.Signature) {
			t.Errorf("passed: %q", b)
		}
	})
}
