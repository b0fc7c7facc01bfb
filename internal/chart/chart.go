// Package chart draws lines over a number, as SVG, for the tables that the
// tools of this project write. A chart is a stack of plots that share nothing
// but their width. Text is escaped, and the same input gives the same bytes.
package chart

import (
	"bytes"
	"encoding/xml"
	"errors"
	"fmt"
	"math"
	"strconv"
)

// A Point is where a line passes.
type Point struct{ X, Y float64 }

// A Line is one of a plot, with its name in the legend.
type Line struct {
	Name   string
	Points []Point
}

// A Plot is one diagram. Its Y axis begins at zero: what grows is seen to grow
// by how much.
type Plot struct {
	Title string
	X, Y  string // what the axes show, with units
	LogX  bool   // for X that grow tenfold; all above zero
	Marks []Mark // at X
	Lines []Line
}

// A Mark is a vertical line with a word to it.
type Mark struct {
	X    float64
	Name string
}

// The measures of a plot, in pixels.
const (
	width, height   = 900, 240
	left, right     = 70, 190 // of the frame; the legend is to the right
	top, bottom     = 34, 44
	ticksX, ticksY  = 8, 5
	legendLine      = 18
	frameW, frameH  = width - left - right, height - top - bottom
	titleAt, namesX = 20, width - right + 14
)

// colours are told apart by people who see few of them (Okabe and Ito, 2008).
func colours() []string {
	return []string{"#0072b2", "#d55e00", "#009e73", "#cc79a7", "#e69f00", "#56b4e9", "#000000"}
}

// SVG draws plots below each other.
func SVG(plots ...Plot) ([]byte, error) {
	var b bytes.Buffer
	fmt.Fprintf(&b, `<svg xmlns="http://www.w3.org/2000/svg" width="%d" height="%d" viewBox="0 0 %[1]d %[2]d" font-family="sans-serif" font-size="12">`+"\n", width, height*len(plots))
	fmt.Fprintf(&b, `<rect width="100%%" height="100%%" fill="#fff"/>`+"\n")
	for i, p := range plots {
		if err := p.check(); err != nil {
			return nil, fmt.Errorf("chart %q: %w", p.Title, err)
		}
		fmt.Fprintf(&b, `<g transform="translate(0 %d)">`+"\n", i*height)
		p.draw(&b)
		b.WriteString("</g>\n")
	}
	b.WriteString("</svg>\n")
	return b.Bytes(), nil
}

func (p Plot) check() error {
	points := 0
	for _, l := range p.Lines {
		points += len(l.Points)
		for _, q := range l.Points {
			if bad(q.X) || bad(q.Y) || q.Y < 0 || p.LogX && q.X <= 0 {
				return fmt.Errorf("the point %v of %q has no place", q, l.Name)
			}
		}
	}
	if points == 0 {
		return errors.New("no points")
	}
	return nil
}

func bad(v float64) bool { return math.IsNaN(v) || math.IsInf(v, 0) }

func (p Plot) draw(b *bytes.Buffer) {
	x, y := p.axes()
	text(b, left, titleAt, "start", "font-weight=\"bold\"", p.Title)
	text(b, left+frameW/2, height-8, "middle", "fill=\"#555\"", p.X)
	text(b, width-right, titleAt, "end", "fill=\"#555\"", p.Y)
	for _, v := range y.ticks {
		at := y.place(v)
		fmt.Fprintf(b, `<path d="M%d %.1fh%d" stroke="#ddd"/>`+"\n", left, at, frameW)
		text(b, left-6, at+4, "end", "", label(v))
	}
	for _, v := range x.ticks {
		at := x.place(v)
		fmt.Fprintf(b, `<path d="M%.1f %dv4" stroke="#555"/>`+"\n", at, top+frameH)
		text(b, at, top+frameH+17, "middle", "", label(v))
	}
	for _, m := range p.Marks {
		at := x.place(m.X)
		fmt.Fprintf(b, `<path d="M%.1f %dv%d" stroke="#999" stroke-dasharray="4 3"/>`+"\n", at, top, frameH)
		text(b, at+4, top+12, "start", "fill=\"#777\"", m.Name)
	}
	fmt.Fprintf(b, `<path d="M%d %dv%dh%d" fill="none" stroke="#555"/>`+"\n", left, top, frameH, frameW)
	for i, l := range p.Lines {
		colour := colours()[i%len(colours())]
		l.draw(b, x, y, colour)
		at := top + 10 + i*legendLine
		fmt.Fprintf(b, `<path d="M%d %dh16" stroke="%s" stroke-width="2"/>`+"\n", namesX, at-4, colour)
		text(b, namesX+22, float64(at), "start", "", l.Name)
	}
}

const dots = 40 // points of a line that are shown one by one

func (l Line) draw(b *bytes.Buffer, x, y axis, colour string) {
	if len(l.Points) == 0 {
		return
	}
	b.WriteString(`<polyline fill="none" stroke-width="1.6" stroke="` + colour + `" points="`)
	for i, q := range l.Points {
		if i > 0 {
			b.WriteByte(' ')
		}
		fmt.Fprintf(b, "%.1f,%.1f", x.place(q.X), y.place(q.Y))
	}
	b.WriteString("\"/>\n")
	if len(l.Points) > dots {
		return
	}
	for _, q := range l.Points {
		fmt.Fprintf(b, `<circle cx="%.1f" cy="%.1f" r="3" fill="%s"/>`+"\n", x.place(q.X), y.place(q.Y), colour)
	}
}

func text[N int | float64](b *bytes.Buffer, x N, y float64, anchor, more, what string) {
	fmt.Fprintf(b, `<text x="%.1f" y="%.1f" text-anchor="%s" %s>`, float64(x), y, anchor, more)
	_ = xml.EscapeText(b, []byte(what)) // a buffer takes all
	b.WriteString("</text>\n")
}

// label prints the number of a tick.
func label(v float64) string {
	for _, unit := range []struct {
		size float64
		name string
	}{{1e9, "G"}, {1e6, "M"}, {1e3, "k"}} {
		if math.Abs(v) >= unit.size {
			return strconv.FormatFloat(v/unit.size, 'g', 4, 64) + unit.name
		}
	}
	return strconv.FormatFloat(v, 'g', 4, 64)
}
