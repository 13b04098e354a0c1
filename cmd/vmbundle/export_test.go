package main

import (
	"bytes"
	"fmt"
	"image"
	"image/png"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"vmrecord/cmd/internal/exit"
)

// exported writes a recording and reads it back.
func exported(t testing.TB, file, args string) []byte {
	t.Helper()
	out := filepath.Join(t.TempDir(), "out")
	vmbundle(t, "", append(strings.Fields("export "+file+" --format "+args), "-o", out)...).want(t, 0)
	b, err := os.ReadFile(out)
	ok(t, err)
	return b
}

// asciinema prints what the guest did, all of it or a window.
func TestExportAsciicast(t *testing.T) {
	m := newMade(t)
	all := vmbundle(t, "", "replay", m.file).want(t, 0).out
	half := vmbundle(t, "", "replay", m.file, "--until", "@middle").want(t, 0).out
	for _, c := range []struct{ args, want string }{{"", all}, {" --keys --size 100x30", all}, {" --to @middle", half}, {" --from @middle", all[len(half):]}} {
		dir := t.TempDir()
		ok(t, os.WriteFile(filepath.Join(dir, "cast"), exported(t, m.file, "asciicast"+c.args), 0o600))
		// It wants a terminal, which script(1) makes.
		command(t, "", nil, "script", "-qec", fmt.Sprintf("asciinema cat '%s/cast' >'%[1]s/text'", dir), "/dev/null").want(t, 0)
		got, err := os.ReadFile(filepath.Join(dir, "text"))
		ok(t, err)
		if string(got) != c.want || c.want == "" {
			t.Errorf("%s: asciinema prints %q, the guest wrote %q", c.args, got, c.want)
		}
	}
	cast := string(exported(t, m.file, "asciicast --keys --size 100x30"))
	for _, want := range []string{`{"version":2,"width":100,"height":30,"timestamp":1790000000,`, " test\"}\n", `[0.005000, "i", "x"]`, `[0.007000, "i", "y"]`, `[0.015000, "i", "q"]`} {
		if !strings.Contains(cast, want) {
			t.Errorf("want %s: %s", want, cast)
		}
	}
}

// What cannot be done is said before the replay.
func TestExportSays(t *testing.T) {
	m := newMade(t)
	there := filepath.Join(t.TempDir(), "there")
	ok(t, os.WriteFile(there, []byte("mine"), 0o600))
	for _, c := range []struct {
		args   string
		status exit.Code
		says   string
	}{
		{"", exit.Usage, "needs --format and --output"},
		{"--format asciicast", exit.Usage, "needs --output"},
		{"--format asciicst -o x", exit.Usage, "did you mean asciicast?"},
		{"--format xml -o x", exit.Usage, "want one of asciicast, ndjson, png, vmcore, pprof, symbols"},
		{"--format asciicast --at 50% -o x", exit.Usage, "--at does not go with --format asciicast, which takes --from, --to"},
		{"--format asciicast --size 0x24 -o x", exit.Usage, "COLUMNSxROWS"},
		{"--format asciicast --size 80 -o x", exit.Usage, "COLUMNSxROWS"},
		{"--format asciicast --from 50% --to 10% -o x", exit.Usage, "--from 50% is behind --to 10%"},
		{"--format asciicast --from @nowhere -o x", exit.Usage, "no such mark"},
		{"--format png --at 50% --every 1ms -o x", exit.Usage, "--at is an instant"},
		{"--format png --to 50% -o x", exit.Usage, "a window needs --every"},
		{"--format png --every -1s -o x", exit.Usage, "a window needs --every"},
		{"--format png --every 1us -o x", exit.Usage, "take longer steps"},
		{"--format pprof --period 0 -o x", exit.Usage, "want 1 to"},
		{"--format pprof -o x", exit.NotFound, "no Linux"},
		{"--format pprof --symbols /nowhere -o x", exit.NotFound, "no such file"},
		{"--format png --symbols . -o x", exit.Usage, "--symbols does not go with"},
		{"--format asciicast -o " + there, exit.Failure, "--force"},
		{"--format asciicast --force -o " + filepath.Dir(there), exit.Failure, "is no file"},
		{"--format asciicast --force -o /dev/null", exit.Failure, "is no file"},
		{"--format asciicast -o /nowhere/x", exit.NotFound, "/nowhere: there is no such folder"},
	} {
		vmbundle(t, "", strings.Fields("export "+m.file+" "+c.args)...).want(t, int(c.status), c.says)
	}
	if b, err := os.ReadFile(there); err != nil || string(b) != "mine" {
		t.Errorf("%q, %v", b, err)
	}
	vmbundle(t, "", "export", m.file, "--format", "asciicast", "--force", "-o", there).want(t, 0)
	if r := vmbundle(t, "", "export", m.file, "--format", "asciicast", "-o", "-").want(t, 0, `{"version":2`); r.out != string(exported(t, m.file, "asciicast")) {
		t.Errorf("another time, another cast: %s", r.out)
	}
	vmbundle(t, "", "export", "none.vmb", "--format", "asciicast", "-o", "x").want(t, int(exit.NotFound), "no such file")
	vmbundle(t, "", "export", "R-ABCD-EFGH", "--format", "asciicast", "-o", "x").want(t, int(exit.NotFound), "inbox list")
	b, err := os.ReadFile(m.file)
	ok(t, err)
	b[len(b)/2] ^= 1
	damaged := filepath.Join(filepath.Dir(there), "damaged.vmb")
	ok(t, os.WriteFile(damaged, b, 0o600))
	vmbundle(t, "", "export", damaged, "--format", "asciicast", "--force", "-o", there).want(t, int(exit.Integrity))
	if after, err := os.ReadFile(there); err != nil || string(after) != string(exported(t, m.file, "asciicast")) {
		t.Errorf("an export that failed leaves %q, %v", after, err)
	}
	if left, err := filepath.Glob(filepath.Join(filepath.Dir(there), ".*")); err != nil || len(left) > 0 {
		t.Errorf("left behind: %q, %v", left, err)
	}
}

// gdb reads the same in a core as in the recording.
func TestExportVmcore(t *testing.T) {
	m := newMade(t)
	core := filepath.Join(t.TempDir(), "core")
	const look = "echo here\\n\ninfo registers rax rbx rcx rdx rsi rdi rbp rsp r8 r15 rip eflags cs ss ds es fs gs\np/x {$fs_base, $gs_base}\ninfo registers float mxcsr\np $xmm0.uint128\np $xmm15.uint128\nx/4i $pc\nx/64xb $rsp\nx/16xg 0x100000\necho there\\n\n"
	for _, at := range []string{"@middle", "failure"} {
		vmbundle(t, "", "export", m.file, "--format", "vmcore", "--at", at, "--force", "-o", core).want(t, 0, "no Linux", "no VMCOREINFO")
		script := filepath.Join(filepath.Dir(core), "look")
		ok(t, os.WriteFile(script, []byte(look), 0o600))
		got := command(t, "", nil, "gdb", "-nx", "-batch", "-ex", "core-file "+core, "-x", script).want(t, 0)
		want := gdbOn(t, m.file, look, "--at", at).want(t, 0)
		_, a, _ := strings.Cut(got.out, "here\n")
		_, b, _ := strings.Cut(want.out, "here\n")
		a, _, _ = strings.Cut(a, "there\n")
		b, _, _ = strings.Cut(b, "there\n")
		if a != b || len(a) < 1000 {
			t.Errorf("%s: of the core %s\nof the recording %s", at, a, b)
		}
	}
	b, err := os.ReadFile(core)
	ok(t, err)
	usual := exported(t, m.file, "vmcore")
	stream := vmbundle(t, "", "export", m.file, "--format", "vmcore", "-o", "-").want(t, 0).out
	if string(usual) != string(b) || stream != string(b) {
		t.Error("a core without a position, or to a pipe, is not that of the failure")
	}
	vmbundle(t, "", "export", m.file, "--format", "symbols", "-o", filepath.Join(t.TempDir(), "x")).want(t, int(exit.NotFound), "no Linux")
}

// jq finds in the events what was typed, said and marked, each at its position.
func TestExportNDJSON(t *testing.T) {
	m := newMade(t)
	file := filepath.Join(t.TempDir(), "events")
	ok(t, os.WriteFile(file, exported(t, m.file, "ndjson"), 0o600))
	text := vmbundle(t, "", "replay", m.file).want(t, 0).out
	for _, c := range []struct{ query, want string }{
		{`.[0] | [.kind, .schema, .hz, .from] | join(" ")`, "recording vmbundle.events/1 4000000000 0+0"},
		{`.[0].id`, strings.TrimSuffix(filepath.Base(m.file), ".vmb")},
		{`map(select(.kind == "input" and .inlet == "com1/rx") | "\(.at)+\(.inputs) \(.seconds) \(.text)") | join(", ")`,
			"20000000+0 0.005 x, 28000000+1 0.007 y, 60000000+2 0.015 q"},
		{`map(select(.kind == "mark" or .kind == "fail") | "\(.kind) \(.at)+\(.inputs) \(.text)") | join(", ")`, "mark 32000000+2 middle, fail 48000000+2 late"},
		{`map(select(.kind == "console") | .text) | join("\n")`, strings.TrimRight(strings.ReplaceAll(text, "\r\n", "\n"), "\n")},
		{`map(select(.kind == "console") | .size) | add`, fmt.Sprint(len(text))},
		{`.[-1] | "\(.kind) \(.text)"`, "end power-off"},
		{`[.[1:][].at] | . == sort`, "true"},
	} {
		r := command(t, "", nil, "jq", "-rs", c.query, file).want(t, 0)
		if got := strings.TrimSuffix(r.out, "\n"); got != c.want {
			t.Errorf("%s: %s\nwant %s", c.query, got, c.want)
		}
	}
	if part := string(exported(t, m.file, "ndjson --from @middle --to failure")); strings.Contains(part, `"x"`) || strings.Contains(part, `"end"`) ||
		!strings.Contains(part, `"from":"32000000+2"`) || !strings.Contains(part, `"late"`) {
		t.Errorf("a window: %s", part)
	}
}

// cell is a character's place in a picture.
func cell(x, y int) image.Rectangle { return image.Rect(8*x, 16*y, 8*x+8, 16*y+16) }

// A picture shows the text that was written until then: ink where a character
// is, the same for the same, another for others.
func TestExportPNG(t *testing.T) {
	m := newMade(t)
	text := vmbundle(t, "", "replay", m.file, "--until", "@middle").want(t, 0).out
	lines := strings.Split(text, "\r\n")
	b := exported(t, m.file, "png --at @middle")
	p, err := png.Decode(bytes.NewReader(b))
	ok(t, err)
	if p.Bounds() != image.Rect(0, 0, 640, 384) || len(lines) < 2 || len(lines) > 24 {
		t.Fatalf("%v for %q", p.Bounds(), text)
	}
	drawn, is := map[byte]string{}, map[string]byte{}
	for y := range 24 {
		for x := range 80 {
			c := byte(' ')
			if y < len(lines) && x < len(lines[y]) {
				c = lines[y][x]
			}
			if y == len(lines)-1 && x == len(lines[y]) {
				continue // the cursor
			}
			ink := pixels(p, cell(x, y))
			if was, ok := drawn[c]; ok && was != ink {
				t.Fatalf("%q in column %d of line %d is not drawn as elsewhere", c, x, y)
			}
			if was, ok := is[ink]; ok && was != c {
				t.Fatalf("%q in column %d of line %d is drawn as %q", c, x, y, was)
			}
			drawn[c], is[ink] = ink, c
		}
	}
	if len(drawn) < 10 {
		t.Errorf("%d characters", len(drawn))
	}
	film, err := png.Decode(bytes.NewReader(exported(t, m.file, "png --every 2ms --to @middle --size 60x20")))
	ok(t, err)
	// 0, 2, 4, 6, 8 ms: three across, two down; the last shows what the picture does.
	if film.Bounds() != image.Rect(0, 0, 8+3*(480+8), 8+2*(320+32+8)) {
		t.Fatalf("a film strip of %v", film.Bounds())
	}
	for _, c := range []image.Point{{0, 0}, {3, 0}, {5, 0}, {9, 0}} {
		if last := cell(c.X, c.Y).Add(image.Pt(8+480+8, 8+320+32+8)); pixels(film, last) != pixels(p, cell(c.X, c.Y)) {
			t.Errorf("the film's last picture is another at %v", c)
		}
	}
}

func pixels(p image.Image, r image.Rectangle) (s string) {
	for y := r.Min.Y; y < r.Max.Y; y++ {
		for x := r.Min.X; x < r.Max.X; x++ {
			s += fmt.Sprint(p.At(x, y))
		}
	}
	return s
}
