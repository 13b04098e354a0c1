package configs

import (
	"os"
	"path/filepath"
	"strings"
	"testing"
)

const good = `[appliance]
name="a"
version="1"
[machine]
memory="128M"
kernel="k"
[vendor]
mail="a@b.example"
submit="smtp://127.0.0.1:25"
[consent]
mode="always"
encryption="off"
`

func TestParse(t *testing.T) {
	for _, c := range []struct{ old, new, want string }{
		{"", "", ""},
		{`name="a"`, ``, `appliance.name is missing; under [appliance] write: name = "..."`},
		{`version="1"`, ``, `appliance.version is missing`},
		{`memory`, `memroy`, `unknown key "machine.memroy"; did you mean "machine.memory"?`},
		{`[consent]`, "[record]\nlimits.recordngs=3\n[consent]", `did you mean "record.limits.recordings"?`},
		{`[vendor]`, `[vendors]`, `did you mean "vendor"?`},
		{`memory="128M"`, "memory=\"128M\"\nmail=\"x\"", `unknown key "machine.mail"; did you mean "vendor.mail"?`},
		{`memory="128M"`, "memory=\"128M\"\nqqqqqqqqqqq=1", `vmappliance init -`},
		{`memory="128M"`, ``, `machine.memory is missing`},
		{`memory="128M"`, `memory=134217728`, ``},
		{`memory="128M"`, `memory="128Q"`, `not a size`},
		{`memory="128M"`, `memory="4G"`, `machine.memory is 4G; 16M to 3G`},
		{`memory="128M"`, `memory="8M"`, `16M to 3G`},
		{`memory="128M"`, `memory=134217729`, `whole 4 KiB pages`},
		{`kernel="k"`, ``, `machine.kernel is missing`},
		{`kernel="k"`, "kernel=\"k\"\ngolden=\"g\"", `machine.golden and machine.golden_sha256 belong together`},
		{`kernel="k"`, "kernel=\"k\"\ngolden=\"g\"\ngolden_sha256=\"E3\"", `machine.golden_sha256 is "E3"; 64 hex digits`},
		{`kernel="k"`, "kernel=\"k\"\ngolden=\"g\"\ngolden_sha256=\"" + strings.Repeat("0e", 32) + "\"", ``},
		{`kernel="k"`, "kernel=\"k\"\nkernel_sha256=\"" + strings.Repeat("0e", 32) + "\"", ``},
		{`kernel="k"`, "kernel=\"k\"\nkernel_sha256=\"" + strings.Repeat("0E", 32) + "\"", `machine.kernel_sha256 is "0E`},
		{`kernel="k"`, "kernel=\"k\"\ninitrd=\"i\"\ninitrd_sha256=\"0e\"", `machine.initrd_sha256 is "0e"; 64 hex digits`},
		{`kernel="k"`, "kernel=\"k\"\ninitrd_sha256=\"" + strings.Repeat("0e", 32) + "\"", `machine.initrd_sha256 is there, and machine.initrd is not`},
		{`kernel="k"`, `disk="d"`, `disks are not built yet`},
		{`kernel="k"`, `kernel="k\u0007"`, `machine.kernel holds control characters`},
		{`mode="always"`, ``, ``},
		{`mode="always"`, `mode="ask"`, ``},
		{`mode="always"`, `mode="always-report-ask-recording"`, ``},
		{`mail="a@b.example"`, "mail=\"a@b.example\"\nbases=[\"a.vmg\"]", ``},
		{`mail="a@b.example"`, "mail=\"a@b.example\"\nbases=[\"\"]", `vendor.bases[0] is empty`},
		{`mode="always"`, `mode="alway"`, `did you mean "always"?`},
		{`mail="a@b.example"`, "mail=\"a@b.example\"\nkeys=[\"age1ql3z7hjy54pw3hyww5ayyfg7zqgvc7w3j2elw8zmrj2kg5sfn9aqmcac8p\"]", `consent.encryption is "off", and vendor.keys has a key`},
		{`mail="a@b.example"`, "mail=\"a@b.example\"\nkeys=[\"age1x\"]", `vendor.keys[0] is "age1x", which is no public key`},
		{`encryption="off"`, ``, `consent.encryption is "on", the default, and vendor.keys is missing; to make a key: vmbundle keys new; or under [consent] write: encryption = "off"`},
		{`mail="a@b.example"`, ``, `vendor.mail or vendor.submit is missing`},
		{"mail=\"a@b.example\"\nsubmit=\"smtp://127.0.0.1:25\"\n[consent]\nmode=\"always\"", "[consent]\nmode=\"ask\"", `mode = "never" (mail nothing)`},
		{"mail=\"a@b.example\"\nsubmit=\"smtp://127.0.0.1:25\"\n[consent]\nmode=\"always\"", "[consent]\nmode=\"never\"", ``},
		{`mail="a@b.example"`, `mail="A <a@b.example>"`, `a bare address`},
		{`smtp://127.0.0.1:25`, `http://x`, `smtps://HOST:PORT`},
		{`[consent]`, "[record]\nheartbeat=1\n[consent]", `record.heartbeat is 1; 4096 to`},
		{`[consent]`, "[record]\nheartbeat=-1\n[consent]", `heartbeat`},
		{`[consent]`, "[record]\nkeep=\"on-failur\"\n[consent]", `did you mean "on-failure"?`},
		{`[consent]`, "[record]\nfeatures=[\" x\"]\n[consent]", `record.features[0]`},
		{`[consent]`, "[[record.feature]]\nname=\"x\"\ncooldown=60\nsample=2\nday_cap=5\ntail=1\n[record]\nfeatures=[\"y\"]\n[consent]", ``},
		{`[consent]`, "[[record.feature]]\nname=\"x\"\n[record]\nfeatures=[\"x\"]\n[consent]", `record.feature[0].name is "x", which is there already`},
		{`[consent]`, "[[record.feature]]\ntail=1\n[consent]", `record.feature[0].name is ""`},
		{`[consent]`, "[[record.feature]]\nname=\"x\"\ntail=-1\n[consent]", `-1 is out of range`},
		{`[consent]`, "[[record.feature]]\nname=\"x\"\ncooldwn=1\n[consent]", `did you mean "record.feature.cooldown"?`},
		{`[consent]`, "[record.triggers]\nserial=['oops: \\d+']\nno_progress=30\n[consent]", ``},
		{`[consent]`, "[record.triggers]\nserial=['(']\n[consent]", `record.triggers.serial[0] is "(", which is no regular expression (RE2)`},
		{`[consent]`, "[record.triggers]\nserial=['x*']\n[consent]", `an empty line matches too`},
		{`[consent]`, "[record.ring]\nmin_age=300\nepoch=20\nmax_bytes=\"1G\"\ntail=0\ncooldown=0\nsample=2\nday_cap=0\n[consent]", ``},
		{`[consent]`, "[record.ring]\nepoch=0\n[consent]", `record.ring.epoch is 0; 1 to 3600 seconds`},
		{`[consent]`, "[record.ring]\nmin_age=0\n[consent]", `record.ring.min_age`},
		{`[consent]`, "[record.ring]\ntail=601\n[consent]", `record.ring.tail is 601; 0 to 600`},
		{`[consent]`, "[record.ring]\nmax_bytes=\"1K\"\n[consent]", `record.ring.max_bytes is 1K; at least 1M`},
		{`[consent]`, "[record.ring]\nmax_age=1\n[consent]", `did you mean "record.ring.min_age"?`},
		{`[consent]`, "[record.ring]\n[record]\nfeatures=[\"ring\"]\n[consent]", `which is what saves of [record.ring] are called`},
		{`[consent]`, "[record]\nfeatures=[\"ring\"]\n[consent]", ``},
		{`[consent]`, "[record]\nfeatures=\"x\"\n[consent]", `features`},
		{`[consent]`, "[consent", `line 1`},
	} {
		_, err := Parse([]byte(strings.Replace(good, c.old, c.new, 1)))
		switch {
		case c.want == "" && err != nil:
			t.Errorf("%s -> %s: %v", c.old, c.new, err)
		case c.want != "" && (err == nil || !strings.Contains(err.Error(), c.want)):
			t.Errorf("%s -> %s:\n got %v\nwant ...%s...", c.old, c.new, err, c.want)
		}
	}
}

func TestDefaults(t *testing.T) {
	a, err := Parse([]byte(good))
	if err != nil {
		t.Fatal(err)
	}
	if a.Record.Keep != KeepOnFailure || a.Record.Heartbeat != 1<<26 || a.Record.Limits != (Limits{1000, 20 << 30, 100 << 20, 5, 2 << 30, 30}) ||
		a.Record.Triggers.check() != nil || len(a.Record.Triggers.Serial) != 4 || len(a.Record.Names()) != 0 || a.Record.Ring.On || len(a.Record.Rules()) != 1 {
		t.Errorf("%+v", a.Record)
	}
}

func TestOurOwn(t *testing.T) {
	for _, s := range []string{Template(), Demo()} {
		if _, err := Parse([]byte(s)); err != nil {
			t.Errorf("%v in\n%s", err, s)
		}
	}
	a, _ := Parse([]byte(Template()))
	if a.Consent.Mode != ConsentNever {
		t.Errorf("the template mails: %q", a.Consent.Mode)
	}
}

func TestLoadPaths(t *testing.T) {
	d := t.TempDir()
	f := filepath.Join(d, "a.toml")
	if err := os.WriteFile(f, []byte(strings.Replace(good, `"k"`, "\"k\"\ninitrd=\"/abs\"", 1)), 0o600); err != nil {
		t.Fatal(err)
	}
	a, err := Load(f)
	if err != nil {
		t.Fatal(err)
	}
	if a.Machine.Kernel != filepath.Join(d, "k") || a.Machine.Initrd != "/abs" {
		t.Errorf("%+v", a.Machine)
	}
	if _, err := Load(filepath.Join(d, "none")); err == nil || !strings.Contains(err.Error(), "vmappliance init") {
		t.Error(err)
	}
}

func FuzzParse(f *testing.F) {
	f.Add([]byte(good))
	f.Add([]byte(Template()))
	f.Add([]byte("[machine]\nmemory=1e9\n"))
	f.Fuzz(func(t *testing.T, b []byte) {
		a, err := Parse(b)
		if err == nil && (a.Machine.Memory > maxMemory || a.Consent.Mode != ConsentNever && (a.Consent.Encryption == EncryptionOn) != (len(a.Vendor.Keys) > 0)) {
			t.Errorf("accepted %+v", a)
		}
	})
}
