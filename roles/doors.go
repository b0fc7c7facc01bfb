package roles

import (
	"log/slog"
	"net"
	"time"

	"github.com/liberdus/liberdus/internal/telemetry"
)

// doors are the doorways of one role, with their names: a name may have several.
type doors []namedDoor

type namedDoor struct {
	name string
	*doorway
}

// open returns l with a doorway before it.
func (d *doors) open(name string, l net.Listener, log *slog.Logger) *doorway {
	w := newDoorway(l, log)
	*d = append(*d, namedDoor{name, w})
	return w
}

// refused is how many connections were turned away at all of them.
func (d doors) refused() (n uint64) {
	for _, w := range d {
		n += w.came.turnedAway.Load()
	}
	return n
}

// names are those of the doors, each once.
func (d doors) names() []string {
	all := make(map[string]bool)
	for _, w := range d {
		all[w.name] = true
	}
	return telemetry.Names(all)
}

// budgets tell how many have come and wait to be let in, where the system tells.
func (d doors) budgets() (list []telemetry.Budget) {
	for _, name := range d.names() {
		waiting, most, known := 0, 0, false
		for _, w := range d {
			if w.name != name {
				continue
			}
			if n, of, ok := backlog(w.doorway.Listener); ok {
				waiting, most, known = waiting+n, most+of, true
			}
		}
		if known {
			list = append(list, numberOf("newcomers_"+name, waiting, most))
		}
	}
	return list
}

// group tells who came to the doors.
func (d doors) group() telemetry.Group {
	counts := []struct {
		name, help string
		of         func(*came) float64
	}{
		{"door_accepted_total", "TCP connections that were accepted, those that are then shunned included.", func(c *came) float64 { return float64(c.in.Load()) }},
		{"door_shunned_total", "Of those, the ones that were closed unheard, for what had come from there before.", func(c *came) float64 { return float64(c.shunned.Load()) }},
		{"door_turned_away_total", "TCP connections that were turned away for want of files or memory.", func(c *came) float64 { return float64(c.turnedAway.Load()) }},
		{"door_slowed_seconds_total", "For how long newcomers were kept waiting so that those who are inside were served.", func(c *came) float64 { return time.Duration(c.slowed.Load()).Seconds() }},
	}
	names := d.names()
	g := telemetry.Group{Read: func(s *telemetry.Samples) {
		for _, count := range counts {
			sums := make(map[string]float64, len(names))
			for _, w := range d {
				sums[w.name] += count.of(&w.came)
			}
			for name, sum := range sums {
				s.Set(count.name, sum, name)
			}
		}
	}}
	for _, count := range counts {
		g.Metrics = append(g.Metrics, by("door", names, one(telemetry.Counter, count.name, count.help)))
	}
	return g
}
