package tree

import (
	"bytes"
	"cmp"
	"fmt"
	"html"
	"io"
)

// The drawing's measures, in pixels.
const (
	svgLeft  = 20
	svgWidth = 640 // of the time axis
	svgRow   = 40
	svgText  = 620 // right of the axis
)

// SVG draws trees as a picture (SVG 1.1): guest time from left to right, each
// recording a line that leaves its parent's where it went live.
func SVG(w io.Writer, roots []*Node, size func(int64) string) error {
	d := drawing{size: size}
	for _, n := range roots {
		d.measure(n)
	}
	d.row = 0
	fmt.Fprintf(&d.b, `<svg xmlns="http://www.w3.org/2000/svg" width="%d" height="%d" font-family="sans-serif" font-size="12">`+"\n",
		svgLeft+svgWidth+svgText, d.rows*svgRow+svgRow/2)
	fmt.Fprintf(&d.b, `<rect width="100%%" height="100%%" fill="#ffffff"/>`+"\n")
	for _, n := range roots {
		d.draw(n, -1)
	}
	d.b.WriteString("</svg>\n")
	_, err := w.Write(d.b.Bytes())
	return err
}

type drawing struct {
	b    bytes.Buffer
	size func(int64) string
	rows int
	row  int
	end  float64 // of the longest tree, in seconds
}

func (d *drawing) measure(n *Node) {
	d.rows++
	d.end = max(d.end, n.Seconds+n.Length)
	for _, k := range n.Children {
		d.measure(k)
	}
}

func (d *drawing) x(seconds float64) float64 { return svgLeft + svgWidth*seconds/max(d.end, 1e-6) }

// draw draws a node and what left it; up is its parent's row.
func (d *drawing) draw(n *Node, up float64) {
	d.row++
	y, colour := float64(d.row*svgRow), colourOf(n)
	from, to := d.x(n.Seconds), max(d.x(n.Seconds+n.Length), d.x(n.Seconds)+6)
	if up >= 0 {
		fmt.Fprintf(&d.b, `<path d="M%.1f %.1fV%.1f" stroke="#888888" fill="none"/>`+"\n", from, up, y)
	}
	fmt.Fprintf(&d.b, `<path d="M%.1f %.1fH%.1f" stroke="%s" stroke-width="5"/>`+"\n", from, y, to, colour)
	fmt.Fprintf(&d.b, `<circle cx="%.1f" cy="%.1f" r="5" fill="%s"/>`+"\n", from, y, colour)
	fmt.Fprintf(&d.b, `<text x="%.1f" y="%.1f">%s</text>`+"\n", from, y-10, html.EscapeString(clean(cmp.Or(n.Name, n.ID))))
	about := fmt.Sprintf("%s  %.3f s + %.3f s  %s  %s + %s shared", n.ID, n.Seconds, n.Length, n.Outcome, d.size(n.Own), d.size(n.Shared))
	if n.Failure != "" {
		about += "  " + n.Failure
	}
	if n.Note != "" {
		about += "  (" + n.Note + ")"
	}
	fmt.Fprintf(&d.b, `<text x="%d" y="%.1f" fill="#333333">%s</text>`+"\n", svgLeft+svgWidth+15, y+4, html.EscapeString(clean(about)))
	for _, k := range n.Children {
		d.draw(k, y)
	}
}

func colourOf(n *Node) string {
	switch n.Outcome {
	case Failed:
		return "#c0392b"
	case Live:
		return "#2471a3"
	case OK:
		return "#239b56"
	}
	return "#999999"
}

// clean is text without what XML 1.0 does not allow (2.2), and not too long.
func clean(s string) string {
	var out []rune
	for _, c := range s {
		if c < ' ' || c == 0x7f || c == 0xfffe || c == 0xffff {
			c = ' '
		}
		if out = append(out, c); len(out) == 200 {
			break
		}
	}
	return string(out)
}
