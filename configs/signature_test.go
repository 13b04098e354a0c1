package configs

import (
	"bytes"
	"errors"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"

	"aead.dev/minisign"
)

var sumK, sumI = strings.Repeat("0e", 32), strings.Repeat("1f", 32)

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
	swap := func(b []byte, old, new string) []byte { return bytes.Replace(b, []byte(old), []byte(new), 1) }
	without := func(b []byte, key string) []byte {
		return regexp.MustCompile("(?m)^"+key+".*\n").ReplaceAll(b, nil)
	}
	text, err := Release(swap([]byte(good), `kernel="k"`, "kernel=\"k\"\ninitrd=\"i\""), Seal{sumK, sumI, public, ""})
	if err != nil {
		t.Fatal(err)
	}
	sig := Signed(key, text)
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
		{"another kernel", swap(text, sumK, sumI), sig, "was altered after"},
		{"signed without the kernel's digest", without(text, "kernel_sha256"), Signed(key, without(text, "kernel_sha256")), "it is signed without machine.kernel_sha256, so that any kernel would do"},
		{"signed without the initrd's", without(text, "initrd_sha256"), Signed(key, without(text, "initrd_sha256")), "machine.initrd_sha256"},
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
		{"[vendor]", "['vendor']", code, "write it under [vendor]: signer = \"RW"},
		{`"k"`, `"k"` + "\nkernel_sha256=\"" + sumK + "\"", "", ""},
		{`"k"`, `"k"` + "\nkernel_sha256=\"" + sumI + "\"", "", "machine.kernel_sha256 is \"" + sumI + "\" already; remove the line"},
		{`"k"`, `"debian"`, "", "machine.kernel is \"debian\", which is another file on other computers"},
		{"[machine]", "['machine']", "", "write it under [machine]: kernel_sha256 = "},
		{"[machine]", "[machine]\nappend=\"\"\"\\\n[vendor]\n\"\"\"", code, "control characters"},
	} {
		c.new = strings.Replace(good, c.old, c.new, 1)
		s := Seal{KernelSHA256: sumK, Signer: public, Enroll: c.enroll}
		text, err := Release([]byte(c.new), s)
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
		again, err := Release(text, s)
		if err != nil || !bytes.Equal(again, text) {
			t.Errorf("released again it is another: %v\n%s", err, again)
		}
		if a, err := Parse(text); err != nil || a.Vendor.Signer != public || a.Machine.KernelSHA256 != sumK || c.enroll != "" && a.Vendor.Enroll != c.enroll {
			t.Errorf("%v\n%s", err, text)
		}
	}
}

// FuzzSignature: whatever stands in a signature file, only the signature passes.
func FuzzSignature(f *testing.F) {
	public, key := signingKey(f)
	text, err := Release([]byte(good), Seal{KernelSHA256: sumK, Signer: public})
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
