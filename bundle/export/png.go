package export

import (
	"errors"
	"fmt"
	"image"
	"image/color"
	"image/draw"
	"image/png"
	"math"

	"vmrecord/vmm"
	"vmrecord/vmm/tape"
)

// picture writes the console as a picture: one, or with Every a film strip.
func picture(j *job) error {
	s, err := newScreen(j.Columns, j.Rows)
	if err != nil {
		return err
	}
	if j.Every != 0 {
		return film(j, s)
	}
	if err := j.play(j.To, ears{console: s.write}); err != nil {
		return err
	}
	i := image.NewRGBA(s.bounds())
	s.draw(i, image.Point{})
	return png.Encode(j.w, i)
}

// maxPixels bounds a film strip: 4 bytes each.
const maxPixels = 1 << 26

// Between pictures of a film strip, and below each, where its position stands.
const (
	gap     = 8
	caption = 2 * cellHeight
)

// ErrFilm is a film strip that would be too large.
var ErrFilm = errors.New("that would be too large a picture; take longer steps or a shorter window")

// film draws a picture each so many instants, in rows from the left.
func film(j *job, s *screen) error {
	n := uint64(j.To.At-j.From.At)/uint64(j.Every) + 1
	frame := s.bounds().Max.Add(image.Pt(gap, gap+caption))
	if pixels := uint64(frame.X) * uint64(frame.Y); n > maxPixels/pixels {
		return fmt.Errorf("%d frames of %d by %d pixels: %w", n, frame.X, frame.Y, ErrFilm)
	}
	across := int(math.Ceil(math.Sqrt(float64(n))))
	down := (int(n) + across - 1) / across
	i := image.NewRGBA(image.Rect(0, 0, gap+across*frame.X, gap+down*frame.Y))
	draw.Draw(i, i.Rect, image.NewUniform(color.Gray{0xd0}), image.Point{}, draw.Src)
	for k := range int(n) {
		to := j.From
		if k > 0 {
			to = vmm.Position{At: j.From.At + vmm.Instant(k)*j.Every, Inputs: tape.All}
		}
		if err := j.play(to, ears{console: s.write}); err != nil {
			return err
		}
		at := image.Pt(gap+k%across*frame.X, gap+k/across*frame.Y)
		s.draw(i, at)
		below := image.Rect(0, 0, frame.X-gap, caption).Add(at).Add(image.Pt(0, s.bounds().Max.Y))
		s.text(i, below, color.Black, fmt.Sprintf("%.6f s  %s", j.seconds(j.Manifest.Tape.Start.At, j.m.Now()), j.m.Position()))
	}
	return png.Encode(j.w, i)
}
