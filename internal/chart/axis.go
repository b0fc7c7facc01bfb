package chart

import "math"

// An axis maps values to pixels.
type axis struct {
	from, to float64 // values
	at, end  float64 // pixels
	log      bool
	ticks    []float64
}

// axes fits both to all points and marks.
func (p Plot) axes() (x, y axis) {
	least, most, high := math.Inf(1), math.Inf(-1), 0.0
	for _, l := range p.Lines {
		for _, q := range l.Points {
			least, most, high = min(least, q.X), max(most, q.X), max(high, q.Y)
		}
	}
	for _, m := range p.Marks {
		least, most = min(least, m.X), max(most, m.X)
	}
	x = axis{from: least, to: most, at: left, end: left + frameW, log: p.LogX}
	if p.LogX {
		x.ticks = decades(least, most)
	} else {
		x.ticks = within(steps(least, most, ticksX), least, most)
	}
	if high == 0 {
		high = 1
	}
	up := steps(0, high, ticksY)
	return x, axis{from: 0, to: up[len(up)-1], at: top + frameH, end: top, ticks: up}
}

// place returns where a value is.
func (a axis) place(v float64) float64 {
	from, to := a.from, a.to
	if a.log {
		v, from, to = math.Log10(v), math.Log10(from), math.Log10(to)
	}
	if to == from {
		return (a.at + a.end) / 2
	}
	return a.at + (v-from)/(to-from)*(a.end-a.at)
}

// steps returns round numbers, about so many, of which the first is at most
// from and the last at least to.
func steps(from, to float64, about int) []float64 {
	if to <= from {
		to = from + 1
	}
	raw := (to - from) / float64(about)
	size := math.Pow(10, math.Floor(math.Log10(raw)))
	for _, m := range []float64{1, 2, 5, 10} {
		if m*size >= raw {
			size *= m
			break
		}
	}
	var out []float64
	for i := math.Floor(from / size); ; i++ {
		out = append(out, i*size)
		if i*size >= to {
			return out
		}
	}
}

func within(all []float64, from, to float64) (kept []float64) {
	for _, v := range all {
		if v >= from && v <= to {
			kept = append(kept, v)
		}
	}
	return kept
}

// decades returns the powers of ten between two values; both themselves if
// there are none.
func decades(from, to float64) (ticks []float64) {
	for e := math.Ceil(math.Log10(from)); e <= math.Log10(to); e++ {
		ticks = append(ticks, math.Pow(10, e))
	}
	if len(ticks) < 2 {
		return []float64{from, to}
	}
	return ticks
}
