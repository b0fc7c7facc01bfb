package main

import (
	"context"
	"slices"
)

// connects measures how long sessions take to open, one after the other.
func connects(start nodeMaker) func(ctx context.Context, e *env) (figures, error) {
	return func(ctx context.Context, e *env) (figures, error) {
		s, err := start(ctx, e)
		if err != nil {
			return nil, err
		}
		rounds := 25 // of 20
		if e.quick {
			rounds = 3
		}
		before, err := s.node.cpu()
		if err != nil {
			return nil, err
		}
		var took []float64
		for range rounds {
			some, err := s.connect(ctx, 20)
			if err != nil {
				return nil, err
			}
			took = append(took, some...)
			if err := s.load.do(ctx, "hang up", nil, nil); err != nil {
				return nil, err
			}
		}
		after, err := s.node.cpu()
		if err != nil {
			return nil, err
		}
		slices.Sort(took)
		return figures{
			"median": took[len(took)/2], "p99": took[len(took)*99/100],
			"p99 / median": took[len(took)*99/100] / took[len(took)/2],
			"CPU":          milliseconds(after-before) / float64(len(took)),
		}, nil
	}
}

// connectMetrics are those of one client at every side. The tail is held against
// the middle of the same run.
func connectMetrics(median ...goal) []metric {
	return []metric{
		{name: "median", unit: "ms", goals: median},
		{name: "p99", unit: "ms"},
		{name: "p99 / median", goals: []goal{{"", 5}}},
		{name: "CPU", unit: "ms"},
	}
}

func connectPlain() scenario {
	return scenario{
		section: sessions, name: "connect",
		about:   "a plain pion client opens sessions, one after the other",
		sides:   []side{{"liberdus", connects(ourNode)}, {"raw pion", connects(rawPionNode)}},
		metrics: connectMetrics(goal{"raw pion", 1.2}),
	}
}

func connectOurs() scenario {
	return scenario{
		section: sessions, name: "connect, our client",
		about: "our client opens sessions at our node, one after the other; a plain pion client at raw pion",
		sides: []side{
			{"liberdus", connects(with("our sessions", ourNode))},
			{"raw pion", connects(rawPionNode)},
		},
		metrics: connectMetrics(goal{"raw pion", 1.2}),
	}
}

func connectChromium() scenario {
	return scenario{
		section: sessions, name: "connect, Chromium",
		about: "a page with RTCPeerConnection and a WebSocket, no library, opens sessions, one after the other; the first of each page, for which the browser starts threads, is not counted",
		sides: []side{
			{"liberdus", connects(with("chromium", ourNode))},
			{"raw pion", connects(with("chromium", rawPionNode))},
		},
		metrics: connectMetrics(),
	}
}
