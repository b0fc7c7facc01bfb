package roles

import (
	"cmp"
	"slices"

	"github.com/liberdus/liberdus/internal/telemetry"
)

// one is a metric without labels, by one of a metric whose only label has the
// given values.
func one(kind telemetry.Kind, name, help string) telemetry.Metric {
	return telemetry.Metric{Name: name, Help: help, Kind: kind}
}

func by(label string, values []string, m telemetry.Metric) telemetry.Metric {
	m.Labels = append(slices.Clone(m.Labels), telemetry.Label{Name: label, Values: values})
	return m
}

// budgetGroup tells what there may be so much of: used and limit have the same
// labels, so that one divided by the other is how full it is.
func budgetGroup(read func() []telemetry.Budget) telemetry.Group {
	var of []string
	for _, b := range read() {
		of = append(of, b.Of)
	}
	return telemetry.Group{
		Metrics: []telemetry.Metric{
			by("of", of, one(telemetry.Gauge, "used", "How much there is now of what there may be so much of.")),
			by("of", of, one(telemetry.Gauge, "limit", "How much of it there may be.")),
		},
		Read: func(s *telemetry.Samples) {
			for _, b := range read() {
				s.Set("used", b.Used, b.Of)
				s.Set("limit", b.Limit, b.Of)
			}
		},
	}
}

func numberOf(of string, used, limit int) telemetry.Budget {
	return telemetry.Budget{Of: of, Used: float64(used), Limit: float64(limit)}
}

func bytesOf(of string, used, limit int64) telemetry.Budget {
	return telemetry.Budget{Of: of, Used: float64(used), Limit: float64(limit), Bytes: true}
}

// checksGroup tells what must be well for a role to be of use.
func checksGroup(read func() []telemetry.Check) telemetry.Group {
	var names []string
	for _, c := range read() {
		names = append(names, c.Name)
	}
	return telemetry.Group{
		Metrics: []telemetry.Metric{by("check", names, one(telemetry.Gauge, "well", "1 while what must be well for the role to be of use is, else 0."))},
		Read: func(s *telemetry.Samples) {
			for _, c := range read() {
				v := 0.0
				if c.Err == "" {
					v = 1
				}
				s.Set("well", v, c.Name)
			}
		},
	}
}

// logGroup tells of the log.
func logGroup(l Log) telemetry.Group {
	return telemetry.Group{
		Metrics: []telemetry.Metric{
			one(telemetry.Counter, "log_lines_lost_total", "Lines of the log that nobody read in time, or that could not be written."),
			one(telemetry.Gauge, "log_waiting_bytes", "Bytes of the log that wait to be read."),
			one(telemetry.Gauge, "log_waiting_limit_bytes", "How many may wait."),
		},
		Read: func(s *telemetry.Samples) {
			lost, waiting, most := l.Backlog()
			s.Set("log_lines_lost_total", float64(lost))
			s.Set("log_waiting_bytes", float64(waiting))
			s.Set("log_waiting_limit_bytes", float64(most))
		},
	}
}

// refusedGroup tells what was refused and dropped: see tally.
func refusedGroup(count func() counts) telemetry.Group {
	now := count()
	return telemetry.Group{
		Metrics: []telemetry.Metric{
			by("reason", telemetry.Names(now.refused), one(telemetry.Counter, "refused_total", "Sockets, connections, offers and requests that were refused.")),
			by("reason", telemetry.Names(now.dropped), one(telemetry.Counter, "dropped_total", "Messages and connections that were dropped.")),
		},
		Read: func(s *telemetry.Samples) {
			now := count()
			telemetry.Counts(s, "refused_total", now.refused)
			telemetry.Counts(s, "dropped_total", now.dropped)
		},
	}
}

// happened are the counts that are not zero, the largest first.
func happened(m map[string]uint64) (list []telemetry.Count) {
	for name, n := range m {
		if n > 0 {
			list = append(list, telemetry.Count{Name: name, N: n})
		}
	}
	slices.SortFunc(list, func(a, b telemetry.Count) int { return cmp.Or(cmp.Compare(b.N, a.N), cmp.Compare(a.Name, b.Name)) })
	return list
}

// size is how many connections a gate lets be open, and how many are.
func (g *gate) size() (open, most int) {
	g.mu.Lock()
	defer g.mu.Unlock()
	return len(g.conns), g.total
}
