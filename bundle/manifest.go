package bundle

import (
	"bytes"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"slices"

	"vmrecord/bundle/base"
	"vmrecord/bundle/consent"
	"vmrecord/bundle/recording"
	"vmrecord/vmm"
)

const (
	format = "vmbundle/1"

	textPart     = "vmbundle.txt"
	envelopePart = "envelope.json"
	manifestPart = "manifest.json"
	sealedExt    = ".age"
	// signaturePart follows the manifest, which it signs.
	signaturePart = "manifest.minisig"
	mapPart       = "snapshot/map"
	sectionsPart  = "snapshot/sections"
	likenessPart  = "snapshot/likeness"
	absentPart    = "snapshot/absent"
	reportPart    = "report.txt"

	// requiresBases is required where pages of bases are named.
	requiresBases = "bases"
	// requiresAbsent is required where pages are absent.
	requiresAbsent = "absent"
	// requiresReport is required where there is nothing but a report.
	requiresReport = "report"

	maxEnvelope  = 8 << 20
	maxManifest  = 8 << 20
	maxPart      = 16 << 20
	maxContent   = 32 << 20 // of a part that is unpacked whole; the largest page map has 11 MB
	maxObjects   = 1 << 18  // of JSON; a mark takes two, and 100 bytes
	maxKeys      = 64
	maxSignature = 4096
	maxBases     = 64

	// MaxReport is how many bytes a report may have.
	MaxReport = 32 << 10
)

// What can be done with a bundle.
const (
	CanReplay = "replay"
	CanGoLive = "golive" // leave the tape and let the guest go its own way
	CanSeeAll = "memory" // read all memory
	canDebug  = "debug"
)

// A Part is a file in a bundle.
type Part struct {
	Name   string `json:"name"`
	Size   int64  `json:"size"`
	SHA256 string `json:"sha256"` // of the part as it stands in the file
}

// An Envelope is what a carrier may know: nothing personal.
type Envelope struct {
	Format string   `json:"format"`
	UUID   string   `json:"uuid"`
	ID     string   `json:"id"`
	Keys   []string `json:"keys,omitzero"` // public keys that it is sealed to
	Parts  []Part   `json:"parts"`         // as they stand: the manifest, its signature, its parts
}

// A Marker is a mark on the tape.
type Marker struct {
	Kind   string       `json:"kind"` // mark, fail, attr
	Text   string       `json:"text"`
	Pos    vmm.Position `json:"position"`
	Offset float64      `json:"seconds"` // of guest time since the start, rounded to a microsecond
}

// Machine is what the machine must be to replay the tape.
type Machine struct {
	Model       uint64 `json:"model"`
	MemoryBytes uint64 `json:"memoryBytes"`
	Hz          uint64 `json:"hz"`
	Epoch       uint64 `json:"epoch"`
	Seed        uint64 `json:"seed"`
	Config      string `json:"config"`       // the text that builds it
	ConfigHash  string `json:"configSHA256"` // as on the tape
	Console     string `json:"console"`      // its console's outlet
}

// Tape describes the tape, from its own header and footer.
type Tape struct {
	Segments     []string     `json:"segments"`
	Period       uint64       `json:"heartbeatPeriod"`
	Start        vmm.Position `json:"start"`
	End          vmm.Position `json:"end"`
	Retired      uint64       `json:"retired"` // instructions, since the start
	Frames       uint64       `json:"frames"`
	Inputs       uint64       `json:"inputs"`
	Heartbeats   uint64       `json:"heartbeats"`
	Keys         uint64       `json:"keys"`
	ConsoleBytes uint64       `json:"consoleBytes"`
	Console      string       `json:"consoleSHA256,omitzero"`
	EndHash      string       `json:"endHash,omitzero"`
	Why          string       `json:"why,omitzero"`
	Truncated    bool         `json:"truncated"`
}

// Snapshot says where the state at the start is.
type Snapshot struct {
	Sections string      `json:"sections"`
	Map      string      `json:"map"`
	Packs    []string    `json:"packs"`
	Pages    uint64      `json:"pages"`             // of memory
	Stored   uint64      `json:"stored"`            // different ones in the packs
	Bases    []base.Info `json:"bases,omitzero"`    // in the order in which their pages are numbered
	Likeness string      `json:"likeness,omitzero"` // where there are bases
	Absent   string      `json:"absent,omitzero"`   // where pages are
}

// A Manifest is what a bundle holds.
type Manifest struct {
	Format       string                     `json:"format"`
	Level        string                     `json:"level"`           // L0: a report; L1: what a replay uses; L2: whole, with bases; L3: self-contained
	Capabilities []string                   `json:"capabilities"`    // what can be done with this level
	Requires     []string                   `json:"requires"`        // what a reader must understand
	Signer       string                     `json:"signer,omitzero"` // who made it: a public key, as minisign writes it
	Recording    recording.Meta             `json:"recording"`
	Machine      Machine                    `json:"machine"`
	Tape         Tape                       `json:"tape"`
	Markers      []Marker                   `json:"markers"`
	Failure      *Marker                    `json:"failure,omitzero"` // the last failure marked
	Snapshot     Snapshot                   `json:"snapshot"`
	Report       string                     `json:"report,omitzero"`  // of level L0, which has neither snapshot nor tape
	Consent      *consent.Record            `json:"consent,omitzero"` // of the user at whose computer it was recorded; nil: nobody was asked
	Parts        []Part                     `json:"parts"`
	Ext          map[string]json.RawMessage `json:"ext,omitzero"` // may be ignored
}

// Seconds is the guest time between two instants of the machine.
func (m *Machine) Seconds(from, to vmm.Instant) float64 {
	return float64(vmm.MulDiv(uint64(to-from), 1e6, max(m.Hz, 1))) / 1e6
}

// encode is a manifest's or envelope's bytes in the bundle.
func encode(v any) ([]byte, error) {
	var b bytes.Buffer
	e := json.NewEncoder(&b)
	e.SetEscapeHTML(false)
	e.SetIndent("", " ")
	err := e.Encode(v)
	return b.Bytes(), err
}

// identify derives a bundle's names from its manifest.
func identify(manifest []byte) (uuid, id string) {
	d := sha256.Sum256(manifest)
	u := d
	u[6], u[8] = u[6]&0x0f|0x80, u[8]&0x3f|0x80
	return fmt.Sprintf("%x-%x-%x-%x-%x", u[:4], u[4:6], u[6:8], u[8:10], u[10:16]), "R-" + Letters([5]byte(d[:5]))
}

// Letters are 40 bits as in a report's id: XXXX-XXXX, Crockford's base 32.
func Letters(b [5]byte) string {
	const alphabet = "0123456789ABCDEFGHJKMNPQRSTVWXYZ"
	n := uint64(0)
	for _, c := range b {
		n = n<<8 | uint64(c)
	}
	var t [8]byte
	for i := range t {
		t[i] = alphabet[n>>(35-5*i)&31]
	}
	return fmt.Sprintf("%s-%s", t[:4], t[4:])
}

// text is the content of vmbundle.txt.
func text(id string) []byte {
	return fmt.Appendf(nil, `VMBUNDLE 1
This is %s, a recording of a virtual machine: its memory at one moment,
and everything that reached it from outside from then on. It replays exactly,
on any computer:

    vmbundle inspect FILE.vmb
    vmbundle replay FILE.vmb

It can hold whatever was in the machine's memory, passwords included. Treat it
like the machine itself.
`, id)
}

func digestOf(b []byte) string {
	d := sha256.Sum256(b)
	return hex.EncodeToString(d[:])
}

// check looks at everything in a manifest that others rely on.
func (m *Manifest) check() error {
	bad := func(f string, a ...any) error { return damaged(manifestPart, f, a...) }
	have := map[string]bool{}
	for _, p := range m.Parts {
		if !goodName(p.Name) || have[p.Name] || p.Size < 0 || p.Size > maxPart || len(p.SHA256) != 64 {
			return bad("part %q of %d bytes", p.Name, p.Size)
		}
		have[p.Name] = true
	}
	named := slices.Concat([]string{m.Snapshot.Sections, m.Snapshot.Map}, m.Snapshot.Packs, m.Tape.Segments)
	if len(m.Snapshot.Bases) > 0 {
		named = append(named, m.Snapshot.Likeness)
	}
	if m.Snapshot.Absent != "" {
		named = append(named, m.Snapshot.Absent)
	}
	if slices.Contains(m.Requires, requiresReport) != (m.Report != "") {
		return bad("its report is %q, and it requires %q", m.Report, m.Requires)
	}
	if m.Report != "" {
		named = []string{m.Report}
	}
	for _, n := range named {
		if !have[n] {
			return bad("it names %q, which is not among its parts", n)
		}
	}
	return m.sound()
}

// sound looks at what is said about machine and memory.
func (m *Manifest) sound() error {
	bad := func(f string, a ...any) error { return damaged(manifestPart, f, a...) }
	if m.Snapshot.Pages > recording.MaxPages || m.Snapshot.Stored > m.Snapshot.Pages ||
		m.Machine.MemoryBytes != m.Snapshot.Pages*pageBytes {
		return bad("memory of %d bytes in %d pages, %d stored", m.Machine.MemoryBytes, m.Snapshot.Pages, m.Snapshot.Stored)
	}
	known := uint64(0)
	for _, i := range m.Snapshot.Bases {
		if known += uint64(i.Pages); i.Pages > base.MaxPages {
			return bad("a base of %d pages", i.Pages)
		}
	}
	if len(m.Snapshot.Bases) > maxBases || known+m.Snapshot.Stored > maxNumber {
		return bad("%d bases of %d pages", len(m.Snapshot.Bases), known)
	}
	if slices.Contains(m.Requires, requiresBases) != (len(m.Snapshot.Bases) > 0) ||
		slices.Contains(m.Requires, requiresAbsent) != (m.Snapshot.Absent != "") {
		return bad("it has %d bases and %q, and requires %q", len(m.Snapshot.Bases), m.Snapshot.Absent, m.Requires)
	}
	if m.Machine.Hz == 0 || m.Tape.Start.At > m.Tape.End.At {
		return bad("a clock of %d Hz, a tape from %v to %v", m.Machine.Hz, m.Tape.Start, m.Tape.End)
	}
	if digestOf([]byte(m.Machine.Config)) != m.Machine.ConfigHash {
		return bad("the machine's configuration is not the recorded one")
	}
	return nil
}
