package export

import (
	"image"
	"image/color"
	"image/draw"

	"github.com/hinshun/vt10x"
	"golang.org/x/image/font"
	"golang.org/x/image/font/gofont/gomono"
	"golang.org/x/image/font/opentype"
	"golang.org/x/image/math/fixed"
)

// Cells of the terminal, in pixels. Go Mono is 0.6 em wide.
const (
	cellWidth, cellHeight = 8, 16
	fontPixels            = cellWidth / 0.6
	baseline              = 12
)

// A screen is a terminal, which shows what was written to it.
type screen struct {
	vt            vt10x.Terminal
	columns, rows int
	face          font.Face
	part          []byte // of a character whose end is still to come
	state         filterState
	digits        int
}

func newScreen(columns, rows int) (*screen, error) {
	f, err := opentype.Parse(gomono.TTF)
	if err != nil {
		return nil, err
	}
	face, err := opentype.NewFace(f, &opentype.FaceOptions{Size: fontPixels, DPI: 72})
	if err != nil {
		return nil, err
	}
	return &screen{vt: vt10x.New(vt10x.WithSize(columns, rows)), columns: columns, rows: rows, face: face}, nil
}

// A filterState is where in a control sequence the text is (ECMA-48, 5.4).
type filterState uint8

const (
	inText filterState = iota
	inEscape
	inSequence
)

// write shows what the guest wrote. The terminal does with a number what it is
// told, however often; the guest gets numbers of three digits, which are enough
// for any screen here.
func (s *screen) write(p []byte) {
	text := s.part
	for _, b := range p {
		if !s.passes(b) {
			continue
		}
		text = append(text, b)
	}
	n := whole(text)
	_, _ = s.vt.Write(text[:n]) // it has no errors to tell
	s.part = append([]byte(nil), text[n:]...)
}

// passes follows control sequences, and tells which bytes the terminal gets.
func (s *screen) passes(b byte) bool {
	const esc, can, sub = 0x1b, 0x18, 0x1a
	switch {
	case b == esc:
		s.state = inEscape
	case b == can || b == sub:
		s.state = inText
	case s.state == inText || b < ' ':
	case s.state == inEscape:
		if s.state, s.digits = inText, 0; b == '[' {
			s.state = inSequence
		}
	case b >= '0' && b <= '9':
		s.digits++
		return s.digits <= 3
	case b == ';':
		s.digits = 0
	case b == '-' || b > '~':
		return false
	case b >= '@':
		s.state = inText
	}
	return true
}

// bounds is how large a picture is.
func (s *screen) bounds() image.Rectangle {
	return image.Rect(0, 0, s.columns*cellWidth, s.rows*cellHeight)
}

// draw puts a picture at a point.
func (s *screen) draw(dst *image.RGBA, at image.Point) {
	cursor, shown := s.vt.Cursor(), s.vt.CursorVisible()
	for y := range s.rows {
		for x := range s.columns {
			g := s.vt.Cell(x, y)
			fg, bg := rgb(g.FG), rgb(g.BG)
			if shown && cursor.X == x && cursor.Y == y {
				fg, bg = bg, fg
			}
			r := image.Rect(0, 0, cellWidth, cellHeight).Add(at).Add(image.Pt(x*cellWidth, y*cellHeight))
			draw.Draw(dst, r, image.NewUniform(bg), image.Point{}, draw.Src)
			if g.Char > ' ' {
				s.text(dst, r, fg, string(g.Char))
			}
		}
	}
}

// text writes into a rectangle, and not beyond.
func (s *screen) text(dst *image.RGBA, r image.Rectangle, c color.Color, t string) {
	d := font.Drawer{Dst: dst.SubImage(r).(*image.RGBA), Src: image.NewUniform(c), Face: s.face, Dot: fixed.P(r.Min.X, r.Min.Y+baseline)}
	d.DrawString(t)
}

// rgb is a colour as xterm has it: 16 of its own, a cube, greys, or what was said.
func rgb(c vt10x.Color) color.RGBA {
	own := [16]uint32{0x000000, 0xcd0000, 0x00cd00, 0xcdcd00, 0x1e90ff, 0xcd00cd, 0x00cdcd, 0xe5e5e5,
		0x7f7f7f, 0xff0000, 0x00ff00, 0xffff00, 0x5c5cff, 0xff00ff, 0x00ffff, 0xffffff}
	v := uint32(c)
	switch {
	case c == vt10x.DefaultFG:
		v = own[7]
	case c == vt10x.DefaultBG:
		v = own[0]
	case v < 16:
		v = own[v]
	case v < 232:
		level := func(n uint32) uint32 { return min(n, 1)*55 + n*40 }
		n := v - 16
		v = level(n/36)<<16 | level(n/6%6)<<8 | level(n%6)
	case v < 256:
		v = (8 + (v-232)*10) * 0x010101
	}
	return color.RGBA{uint8(v >> 16), uint8(v >> 8), uint8(v), 0xff}
}
