package chart_test

import (
	"bytes"
	"encoding/xml"
	"errors"
	"io"
	"math"
	"strconv"
	"strings"
	"testing"

	"go.uber.org/goleak"
	"pgregory.net/rapid"

	"github.com/liberdus/liberdus/internal/chart"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// places reads a drawing back: where its lines pass, and its texts.
func places(t rapid.TB, svg []byte) (lines [][]chart.Point, texts []string) {
	t.Helper()
	for d := xml.NewDecoder(bytes.NewReader(svg)); ; {
		token, err := d.Token()
		if errors.Is(err, io.EOF) {
			return lines, texts
		}
		if err != nil {
			t.Fatalf("it is no XML: %v\n%s", err, svg)
		}
		switch token := token.(type) {
		case xml.CharData:
			if s := strings.TrimSpace(string(token)); s != "" {
				texts = append(texts, s)
			}
		case xml.StartElement:
			for _, a := range token.Attr {
				if token.Name.Local == "polyline" && a.Name.Local == "points" {
					lines = append(lines, points(t, a.Value))
				}
			}
		}
	}
}

func points(t rapid.TB, text string) (line []chart.Point) {
	t.Helper()
	for pair := range strings.FieldsSeq(text) {
		x, y, _ := strings.Cut(pair, ",")
		px, err := strconv.ParseFloat(x, 64)
		py, err2 := strconv.ParseFloat(y, 64)
		if err := errors.Join(err, err2); err != nil {
			t.Fatal(err)
		}
		line = append(line, chart.Point{X: px, Y: py})
	}
	return line
}

// Whatever is drawn is XML, each point is inside the picture, and order is kept:
// what is more is further to the right, or higher.
func TestSVG(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		log := rapid.Bool().Draw(t, "log")
		x := rapid.Float64Range(0.001, 1e7)
		p := chart.Plot{Title: rapid.String().Draw(t, "title"), LogX: log}
		line := chart.Line{Name: `<a&"b">`}
		for range rapid.IntRange(1, 20).Draw(t, "points") {
			line.Points = append(line.Points, chart.Point{X: x.Draw(t, "x"), Y: rapid.Float64Range(0, 1e12).Draw(t, "y")})
		}
		p.Lines = []chart.Line{line}
		svg, err := chart.SVG(p, p)
		if err != nil {
			t.Fatal(err)
		}
		drawn, _ := places(t, svg)
		if len(drawn) != 2 || len(drawn[0]) != len(line.Points) {
			t.Fatalf("%d lines, of %d points, want 2 of %d", len(drawn), len(drawn[0]), len(line.Points))
		}
		for i, at := range drawn[0] {
			if !(at.X >= 70 && at.X <= 710.05 && at.Y >= 33.95 && at.Y <= 196.05) {
				t.Fatalf("the point %v is at %v", line.Points[i], at)
			}
			if i == 0 {
				continue
			}
			before, q := line.Points[i-1], line.Points[i]
			if q.X > before.X && at.X < drawn[0][i-1].X || q.Y > before.Y && at.Y > drawn[0][i-1].Y {
				t.Fatalf("%v is at %v, and %v at %v", before, drawn[0][i-1], q, at)
			}
		}
	})
}

func TestTexts(t *testing.T) {
	svg, err := chart.SVG(chart.Plot{
		Title: "heap <live>", X: "minutes", Y: "MB", Marks: []chart.Mark{{X: 2, Name: "warm"}},
		Lines: []chart.Line{{Name: "a & b", Points: []chart.Point{{X: 0, Y: 1500}, {X: 4, Y: 4200}}}},
	})
	if err != nil {
		t.Fatal(err)
	}
	_, texts := places(t, svg)
	all := " " + strings.Join(texts, " | ") + " "
	for _, want := range []string{"heap <live>", "minutes", "MB", "warm", "a & b", " 0 ", " 1k ", " 5k ", " 4 "} {
		if !strings.Contains(all, want) {
			t.Errorf("%q is not there: %s", want, all)
		}
	}
}

func TestWhatCannotBeDrawn(t *testing.T) {
	for name, p := range map[string]chart.Plot{
		"nothing":                  {},
		"no number":                {Lines: []chart.Line{{Points: []chart.Point{{X: 1, Y: math.NaN()}}}}},
		"below zero":               {Lines: []chart.Line{{Points: []chart.Point{{X: 1, Y: -1}}}}},
		"zero on a log scale":      {LogX: true, Lines: []chart.Line{{Points: []chart.Point{{X: 0, Y: 1}}}}},
		"further than can be seen": {Lines: []chart.Line{{Points: []chart.Point{{X: math.Inf(1), Y: 1}}}}},
	} {
		t.Run(name, func(t *testing.T) {
			if svg, err := chart.SVG(p); err == nil {
				t.Errorf("drawn as %s", svg)
			}
		})
	}
}
