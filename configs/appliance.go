package configs

import (
	"bytes"
	"errors"
	"fmt"
	"io/fs"
	"net/mail"
	"net/url"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"unicode"
	"unicode/utf8"

	"filippo.io/age"
	"github.com/BurntSushi/toml"

	"vmrecord/configs/size"
	"vmrecord/configs/spelling"
)

const (
	maxFileBytes = 1 << 20
	maxText      = 200 // of a name, version, feature, address or URL
	maxFeatures  = 64
	maxKeys      = 8
	maxBases     = 16
	maxPatterns  = 16
	maxAppend    = 2047 // COMMAND_LINE_SIZE of x86 Linux less its final NUL

	minMemory = 16 << 20
	maxMemory = 3 << 30
)

// enrolForm is an enrolment code, as package enrol makes it.
var enrolForm = regexp.MustCompile(`^E-[A-Z2-7]{26}$`)

// sumForm is a SHA-256.
var sumForm = regexp.MustCompile(`^[0-9a-f]{64}$`)

// KernelDebian as Machine.Kernel stands for the fetched Debian kernel.
const KernelDebian = "debian"

// DefaultHeartbeat is the retired instructions between two heartbeats.
const DefaultHeartbeat = 1 << 26

// DefaultSerial are the lines of Linux's console that tell of a failure.
func DefaultSerial() []string {
	return []string{`Kernel panic - not syncing`, `\bBUG: `, `\bOops: `, `Out of memory: Killed process`}
}

// An Appliance is a whole file.
type Appliance struct {
	Appliance Identity `toml:"appliance"`
	Machine   Machine  `toml:"machine"`
	Vendor    Vendor   `toml:"vendor"`
	Record    Record   `toml:"record"`
	Consent   Consent  `toml:"consent"`
}

// An Identity names the appliance.
type Identity struct {
	Name    string `toml:"name"`
	Version string `toml:"version"`
}

// A Machine is what the guest runs on.
type Machine struct {
	Memory size.Bytes `toml:"memory"`
	Kernel string     `toml:"kernel"`
	Initrd string     `toml:"initrd"`
	Append string     `toml:"append"`
	// The files' SHA-256, which they have to have: 64 hexadecimal digits, or "" for any.
	KernelSHA256 string `toml:"kernel_sha256"`
	InitrdSHA256 string `toml:"initrd_sha256"`
	// Golden is the file of a state to start from instead of booting, if what it
	// booted and its machine are these; GoldenSHA256 is of the file.
	Golden       string `toml:"golden"`
	GoldenSHA256 string `toml:"golden_sha256"`
	Disk         string `toml:"disk"`
	// PVPanic gives the machine a port at which its kernel tells that it panics.
	PVPanic bool `toml:"pvpanic"`
}

// A Vendor is whom reports go to.
type Vendor struct {
	Mail   string   `toml:"mail"`
	Submit string   `toml:"submit"`
	Keys   []string `toml:"keys"`   // public, of age
	Bases  []string `toml:"bases"`  // files that the vendor has too
	Signer string   `toml:"signer"` // public key of who signs this file, as minisign writes it
	Enroll string   `toml:"enroll"` // code for a token of the inbox's
}

// A Record says what is recorded and what is kept.
type Record struct {
	Features  []string `toml:"features"`
	Keep      string   `toml:"keep"`
	Heartbeat uint64   `toml:"heartbeat"`
	Limits    Limits   `toml:"limits"`
	Triggers  Triggers `toml:"triggers"`
	Policies  []Policy `toml:"feature"`
	Ring      Ring     `toml:"ring"`
}

// Triggers say what is a failure though the guest does not report it.
type Triggers struct {
	Serial     []string `toml:"serial"`      // RE2, each matched with every line of the console
	NoProgress uint32   `toml:"no_progress"` // guest seconds in one page of code; 0: no matter
}

// A Policy is how often one feature is recorded and kept, and for how long after a
// failure. 0 is no such rule.
type Policy struct {
	Name     string `toml:"name"`
	Cooldown uint32 `toml:"cooldown"` // seconds after one that was kept
	Sample   uint32 `toml:"sample"`   // one start in so many
	DayCap   uint32 `toml:"day_cap"`  // kept of one failure in a day (UTC)
	Tail     uint32 `toml:"tail"`     // guest seconds
}

// Names are the features that may be recorded.
func (r *Record) Names() []string {
	names := append([]string{}, r.Features...)
	for _, p := range r.Policies {
		names = append(names, p.Name)
	}
	return names
}

// Rules are all policies, that of the ring's saves among them.
func (r *Record) Rules() []Policy {
	ring := Policy{Name: RingName, Cooldown: r.Ring.Cooldown, Sample: r.Ring.Sample, DayCap: r.Ring.DayCap}
	return append([]Policy{ring}, r.Policies...)
}

// Limits bound what a guest can make the host store and send.
type Limits struct {
	Recordings uint32     `toml:"recordings"`
	Disk       size.Bytes `toml:"disk"`    // of all recordings in the folder; 0: no bound
	Mail       size.Bytes `toml:"mail"`    // of one bundle
	PerDay     uint32     `toml:"per_day"` // bundles
	Spool      size.Bytes `toml:"spool"`   // of all bundles in the outbox
	Days       uint32     `toml:"days"`    // that the outbox keeps what was sent
}

// A Consent says what may leave the user's computer, and how.
type Consent struct {
	Mode       string `toml:"mode"`
	Encryption string `toml:"encryption"`
}

// The values of Record.Keep and Consent.
const (
	KeepOnFailure = "on-failure"
	KeepAll       = "all"

	ConsentAsk    = "ask"
	ConsentAlways = "always"
	ConsentReport = "always-report-ask-recording"
	ConsentNever  = "never"

	EncryptionOn  = "on"
	EncryptionOff = "off"
)

// Load reads and checks a file, with its signature where it names a signer, and
// makes its paths relative to the working directory instead of to the file. A file
// that is not the signed one is a *SignatureError.
func Load(name string) (*Appliance, error) {
	st, err := os.Stat(name)
	if errors.Is(err, fs.ErrNotExist) {
		return nil, fmt.Errorf("%s: %w; to write one: vmappliance init %s", name, fs.ErrNotExist, name)
	}
	if err != nil {
		return nil, fmt.Errorf("read configuration: %w", err)
	}
	if st.Size() > maxFileBytes || !st.Mode().IsRegular() {
		return nil, fmt.Errorf("%s is not a configuration: want a plain file of at most %d bytes", name, maxFileBytes)
	}
	b, err := os.ReadFile(name)
	if err != nil {
		return nil, fmt.Errorf("read configuration: %w", err)
	}
	a, err := Parse(b)
	if err != nil {
		return nil, fmt.Errorf("%s: %w", name, err)
	}
	if err := a.checkSignature(name, b); err != nil {
		return nil, err
	}
	dir := filepath.Dir(name)
	paths := []*string{&a.Machine.Kernel, &a.Machine.Initrd, &a.Machine.Golden, &a.Machine.Disk}
	for i := range a.Vendor.Bases {
		paths = append(paths, &a.Vendor.Bases[i])
	}
	for _, p := range paths {
		if *p != "" && *p != KernelDebian && !filepath.IsAbs(*p) {
			*p = filepath.Join(dir, *p)
		}
	}
	return a, nil
}

// Published are the files that the vendor has too: the golden, and Vendor.Bases.
func (a *Appliance) Published() []string {
	if a.Machine.Golden == "" {
		return a.Vendor.Bases
	}
	return append([]string{a.Machine.Golden}, a.Vendor.Bases...)
}

// DefaultLimits hold where a file says nothing.
func DefaultLimits() Limits {
	return Limits{Recordings: 1000, Disk: 20 << 30, Mail: 100 << 20, PerDay: 5, Spool: 2 << 30, Days: 30}
}

// Parse reads and checks the text of a file.
func Parse(b []byte) (*Appliance, error) {
	if len(b) > maxFileBytes {
		return nil, fmt.Errorf("longer than %d bytes", maxFileBytes)
	}
	a := &Appliance{
		Record: Record{Keep: KeepOnFailure, Heartbeat: DefaultHeartbeat, Limits: DefaultLimits(),
			Triggers: Triggers{Serial: DefaultSerial()}, Ring: defaultRing()},
		Consent: Consent{ConsentAsk, EncryptionOn},
	}
	md, err := toml.NewDecoder(bytes.NewReader(b)).Decode(a)
	if err != nil {
		if pe := (toml.ParseError{}); errors.As(err, &pe) {
			return nil, fmt.Errorf("line %d: %s", pe.Position.Line, strings.TrimSuffix(pe.Message, "."))
		}
		return nil, err
	}
	if err := unknown(md.Undecoded()); err != nil {
		return nil, err
	}
	a.Record.Ring.On = md.IsDefined("record", "ring")
	return a, a.check()
}

// check says what is missing or wrong, the first of it.
func (a *Appliance) check() error {
	for _, f := range []func() error{a.texts, a.machine, a.record, a.consent, a.vendor} {
		if err := f(); err != nil {
			return err
		}
	}
	return nil
}

func (a *Appliance) texts() error {
	for _, f := range []struct {
		key, s   string
		required bool
		max      int
	}{
		{"appliance.name", a.Appliance.Name, true, maxText},
		{"appliance.version", a.Appliance.Version, true, maxText},
		{"machine.kernel", a.Machine.Kernel, false, 4096},
		{"machine.initrd", a.Machine.Initrd, false, 4096},
		{"machine.append", a.Machine.Append, false, maxAppend},
		{"machine.golden", a.Machine.Golden, false, 4096},
		{"machine.disk", a.Machine.Disk, false, 4096},
		{"vendor.mail", a.Vendor.Mail, false, maxText},
		{"vendor.submit", a.Vendor.Submit, false, maxText},
	} {
		if f.required && f.s == "" {
			t, k, _ := strings.Cut(f.key, ".")
			return fmt.Errorf("%s is missing; under [%s] write: %s = \"...\"", f.key, t, k)
		}
		if err := checkText(f.key, f.s, f.max); err != nil {
			return err
		}
	}
	return nil
}

func checkText(key, s string, max int) error {
	if len(s) > max {
		return fmt.Errorf("%s is %d bytes long; at most %d", key, len(s), max)
	}
	if !utf8.ValidString(s) || strings.IndexFunc(s, unicode.IsControl) >= 0 {
		return fmt.Errorf("%s holds control characters: %.60q", key, s)
	}
	return nil
}

func (a *Appliance) machine() error {
	m := &a.Machine
	switch {
	case m.Memory == 0:
		return errors.New(`machine.memory is missing; under [machine] write: memory = "128M"`)
	case m.Memory < minMemory || m.Memory > maxMemory || m.Memory%4096 != 0:
		return fmt.Errorf("machine.memory is %s; 16M to 3G in whole 4 KiB pages", m.Memory)
	case m.Disk != "":
		return errors.New("machine.disk: disks are not built yet; write kernel and initrd instead")
	case m.Kernel == "":
		return errors.New(`machine.kernel is missing; under [machine] write: kernel = "debian", or the path of a bzImage`)
	case m.Golden == "" != (m.GoldenSHA256 == ""):
		return errors.New(`machine.golden and machine.golden_sha256 belong together; "vmappliance build --golden" prints both`)
	case m.Initrd == "" && m.InitrdSHA256 != "":
		return errors.New("machine.initrd_sha256 is there, and machine.initrd is not; remove the one or write the other")
	}
	for _, f := range []struct{ key, sum, maker string }{
		{"kernel", m.KernelSHA256, "--sign"}, {"initrd", m.InitrdSHA256, "--sign"}, {"golden", m.GoldenSHA256, "--golden"},
	} {
		if f.sum != "" && !sumForm.MatchString(f.sum) {
			return fmt.Errorf("machine.%s_sha256 is %.80q; 64 hex digits, as \"vmappliance build %s\" writes them", f.key, f.sum, f.maker)
		}
	}
	return nil
}

func (a *Appliance) record() error {
	r := &a.Record
	if len(r.Features)+len(r.Policies) > maxFeatures {
		return fmt.Errorf("record.features and record.feature have %d entries; at most %d", len(r.Features)+len(r.Policies), maxFeatures)
	}
	names := map[string]bool{}
	for i, f := range r.Names() {
		key := fmt.Sprintf("record.features[%d]", i)
		if i >= len(r.Features) {
			key = fmt.Sprintf("record.feature[%d].name", i-len(r.Features))
		}
		if f == "" || strings.TrimSpace(f) != f {
			return fmt.Errorf("%s is %q; a name without blanks at its ends", key, f)
		}
		if r.Ring.On && f == RingName {
			return fmt.Errorf("%s is %q, which is what saves of [record.ring] are called; give it another name", key, f)
		}
		if names[f] {
			return fmt.Errorf("%s is %q, which is there already; name a feature once, in features or in a [[record.feature]]", key, f)
		}
		names[f] = true
		if err := checkText(key, f, maxText); err != nil {
			return err
		}
	}
	for _, check := range []func() error{r.Triggers.check, r.Ring.check} {
		if err := check(); err != nil {
			return err
		}
	}
	if err := oneOf("record.keep", r.Keep, KeepOnFailure, KeepAll); err != nil {
		return err
	}
	if r.Heartbeat < 4096 || r.Heartbeat > 1<<40 {
		return fmt.Errorf("record.heartbeat is %d; 4096 to %d retired instructions", r.Heartbeat, uint64(1)<<40)
	}
	if r.Limits.Recordings == 0 {
		return errors.New("record.limits.recordings is 0; to record nothing write features = []")
	}
	return nil
}

func (t *Triggers) check() error {
	if len(t.Serial) > maxPatterns {
		return fmt.Errorf("record.triggers.serial has %d entries; at most %d", len(t.Serial), maxPatterns)
	}
	for i, p := range t.Serial {
		key := fmt.Sprintf("record.triggers.serial[%d]", i)
		if err := checkText(key, p, maxText); err != nil {
			return err
		}
		re, err := regexp.Compile(p)
		if err != nil {
			return fmt.Errorf("%s is %q, which is no regular expression (RE2): %w", key, p, err)
		}
		if re.MatchString("") {
			return fmt.Errorf("%s is %q, which an empty line matches too; say what a failure prints", key, p)
		}
	}
	return nil
}

func (a *Appliance) consent() error {
	c := &a.Consent
	if err := oneOf("consent.mode", c.Mode, ConsentAsk, ConsentReport, ConsentAlways, ConsentNever); err != nil {
		return err
	}
	if err := oneOf("consent.encryption", c.Encryption, EncryptionOn, EncryptionOff); err != nil {
		return err
	}
	if c.Encryption == EncryptionOn && c.Mode != ConsentNever && len(a.Vendor.Keys) == 0 {
		return errors.New(`consent.encryption is "on", the default, and vendor.keys is missing; to make a key: vmbundle keys new; ` +
			`or under [consent] write: encryption = "off" (a bundle holds the guest's memory, readable by whoever has it)`)
	}
	return nil
}

func (a *Appliance) vendor() error {
	v := &a.Vendor
	if a.Consent.Mode != ConsentNever && (v.Mail == "" || v.Submit == "") {
		return errors.New(`vendor.mail or vendor.submit is missing; under [vendor] write: ` +
			`mail = "beta@example.com" and submit = "smtps://mail.example.com:465"; or under [consent]: mode = "never" (mail nothing)`)
	}
	if len(v.Keys) > maxKeys {
		return fmt.Errorf("vendor.keys has %d entries; at most %d", len(v.Keys), maxKeys)
	}
	for i, k := range v.Keys {
		if _, err := age.ParseX25519Recipient(k); err != nil {
			return fmt.Errorf("vendor.keys[%d] is %.80q, which is no public key; to see one: vmbundle keys list", i, k)
		}
	}
	if len(v.Bases) > maxBases {
		return fmt.Errorf("vendor.bases has %d entries; at most %d", len(v.Bases), maxBases)
	}
	for i, name := range v.Bases {
		key := fmt.Sprintf("vendor.bases[%d]", i)
		if name == "" {
			return fmt.Errorf("%s is empty; the path of a golden (.vmg) or of another published file", key)
		}
		if err := checkText(key, name, 4096); err != nil {
			return err
		}
	}
	if len(v.Keys) > 0 && a.Consent.Encryption == EncryptionOff {
		return errors.New(`consent.encryption is "off", and vendor.keys has a key; remove one of the two lines`)
	}
	if v.Signer != "" {
		if _, err := Signer(v.Signer); err != nil {
			return fmt.Errorf("vendor.signer is %.80q, which is no key that signs (%v); to see one: vmbundle keys list", v.Signer, err)
		}
	}
	if v.Enroll != "" && !enrolForm.MatchString(v.Enroll) {
		return fmt.Errorf("vendor.enroll is %.60q, which is no enrolment code; to make one: vmbundle inbox enroll new", v.Enroll)
	}
	if v.Mail != "" {
		if p, err := mail.ParseAddress(v.Mail); err != nil || p.Address != v.Mail {
			return fmt.Errorf("vendor.mail is %q; a bare address such as beta@example.com", v.Mail)
		}
	}
	if v.Submit != "" {
		u, err := url.Parse(v.Submit)
		if err != nil || !slices.Contains([]string{"smtps", "smtp+starttls", "smtp"}, u.Scheme) || u.Hostname() == "" || u.Path != "" || u.RawQuery != "" {
			return fmt.Errorf("vendor.submit is %q; smtps://HOST:PORT, smtp+starttls://HOST:PORT or, on this computer, smtp://HOST:PORT", v.Submit)
		}
	}
	return nil
}

func oneOf(key, got string, want ...string) error {
	if slices.Contains(want, got) {
		return nil
	}
	msg := fmt.Sprintf("%s is %q; one of %q", key, got, want)
	if n, ok := spelling.Nearest(got, want); ok {
		msg += fmt.Sprintf("; did you mean %q?", n)
	}
	return errors.New(msg)
}
