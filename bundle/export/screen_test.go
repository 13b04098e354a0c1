package export

import (
	"image"
	"image/color"
	"strings"
	"testing"

	"github.com/hinshun/vt10x"
)

func screenOf(t testing.TB, columns, rows int, text string) *screen {
	t.Helper()
	s, err := newScreen(columns, rows)
	if err != nil {
		t.Fatal(err)
	}
	for i := range len(text) { // as a serial line has it
		s.write([]byte{text[i]})
	}
	return s
}

func (s *screen) image() *image.RGBA {
	i := image.NewRGBA(s.bounds())
	s.draw(i, image.Point{})
	return i
}

// lines are what the screen shows.
func (s *screen) lines() string {
	var all []string
	for y := range s.rows {
		line := ""
		for x := range s.columns {
			line += string(s.vt.Cell(x, y).Char)
		}
		all = append(all, strings.TrimRight(line, " "))
	}
	return strings.TrimRight(strings.Join(all, "\n"), "\n")
}

// A screen shows what a terminal would; numbers beyond three digits are cut.
func TestScreen(t *testing.T) {
	for _, c := range []struct{ text, want string }{
		{"one\r\ntwo", "one\ntwo"},
		{"a\tb", "a       b"},
		{"1\r\n2\r\n3\r\n4\r\n5", "2\n3\n4\n5"},
		{"0123456789x", "0123456789\nx"},
		{"ä\xe2\x82\xac\xff!", "ä€!"},
		{"old\x1b[2J\x1b[Hnew", "new"},
		{"abc\x1b[2Dx", "axc"},
		{"abc\x1b[1;2Hx\x1b[31mred\x1b[0m", "axred"},
		{"\x1b(0lqk\x1b(B", "┌─┐"},
		{"a\x1b[9999999999999999999Ib", "a        b"},
		{"ab\x1b[-5Pc", "abc"},
		{"a\x1b[99999999999999999999999999999999Bb", "a\n\n\n b"},
		{"\x1b[\u0139\u0139\u0139\u0139\u0139\u0139\u0139\u0139\u0139\u0139\u0139Ix", "        x"},
	} {
		if got := screenOf(t, 10, 4, c.text).lines(); got != c.want {
			t.Errorf("%q shows %q, want %q", c.text, got, c.want)
		}
	}
}

// The same text is the same picture; a letter is drawn in its cell alone.
func TestDraw(t *testing.T) {
	plain := screenOf(t, 4, 2, "\x1b[?25l").image()
	one := screenOf(t, 4, 2, "\x1b[?25l\r\n \x1b[31;44mA").image()
	if again := screenOf(t, 4, 2, "\x1b[?25l\x1b[2;2H\x1b[44;31mA").image(); string(again.Pix) != string(one.Pix) {
		t.Error("the same screen is another picture")
	}
	cell := image.Rect(cellWidth, cellHeight, 2*cellWidth, 2*cellHeight)
	inked := 0
	for y := range plain.Rect.Max.Y {
		for x := range plain.Rect.Max.X {
			in := image.Pt(x, y).In(cell)
			if !in && one.At(x, y) != plain.At(x, y) {
				t.Fatalf("(%d,%d) is %v", x, y, one.At(x, y))
			}
			if c := one.RGBAAt(x, y); in && c != rgb(4) && c.R > 100 {
				inked++
			}
		}
	}
	if inked < 15 || inked > cellWidth*cellHeight/2 || one.At(cell.Min.X, cell.Min.Y) != rgb(4) {
		t.Errorf("%d pixels of the letter, on %v", inked, one.At(cell.Min.X, cell.Min.Y))
	}
	if with := screenOf(t, 4, 2, "").image(); with.At(0, 0) != rgb(vt10x.DefaultFG) || plain.At(0, 0) != rgb(vt10x.DefaultBG) {
		t.Errorf("a cursor of colour %v, hidden %v", with.At(0, 0), plain.At(0, 0))
	}
}

// Colours as in xterm's 256-colour chart.
func TestRGB(t *testing.T) {
	for _, c := range []struct {
		in   vt10x.Color
		want color.RGBA
	}{
		{1, color.RGBA{0xcd, 0, 0, 0xff}}, {16, color.RGBA{0, 0, 0, 0xff}}, {21, color.RGBA{0, 0, 0xff, 0xff}},
		{67, color.RGBA{0x5f, 0x87, 0xaf, 0xff}}, {231, color.RGBA{0xff, 0xff, 0xff, 0xff}},
		{232, color.RGBA{8, 8, 8, 0xff}}, {255, color.RGBA{0xee, 0xee, 0xee, 0xff}}, {0x123456, color.RGBA{0x12, 0x34, 0x56, 0xff}},
		{vt10x.DefaultFG, color.RGBA{0xe5, 0xe5, 0xe5, 0xff}}, {vt10x.DefaultBG, color.RGBA{0, 0, 0, 0xff}},
	} {
		if got := rgb(c.in); got != c.want {
			t.Errorf("%d: %v, want %v", c.in, got, c.want)
		}
	}
}

// Whatever a guest writes, the screen takes it.
func FuzzScreen(f *testing.F) {
	f.Add([]byte("\x1b[2J\x1b[1;31mhi\r\n\x1b[5;9r\x1b[99999999A\x1b[3L\x1b[M\x1b[P\x1b[@\x1b(0abc\t\t\x1b[?47h\x1b[?1049l\x1b]0;t\x07\x1b7\x1b8\x1bM\x1bD"), uint8(80), uint8(24))
	f.Add([]byte("\x1b[999C\x1b[K\tx\x1b[2b\x1b[9X\x1b[9P\x1b[9@\x1b[38;5;300m\x1b[48;2;1;2;3mx\x1b[-1I\x1b[99999999999S"), uint8(3), uint8(1))
	f.Fuzz(func(t *testing.T, text []byte, columns, rows uint8) {
		s := screenOf(t, 1+int(columns)%40, 1+int(rows)%20, string(text))
		if len(s.part) > 3 {
			t.Errorf("%q is held back", s.part)
		}
		s.lines()
	})
}
