package main

import (
	"context"
	"errors"
	"fmt"
)

// growthScenarios show how costs grow, where no other scenario does.
func growthScenarios() []scenario {
	return []scenario{
		{
			section: "Growth", name: "sockets",
			about: "idle sockets at the signalling server, ever more; 32 pairs beside them send each other 1.5 KB offers",
			sides: []side{{liberdus, growSockets}},
			metrics: append(each(socketCounts(), messageAt, "µs"),
				each(socketCounts(), residentAt, "MB")...),
			curves: []curve{
				{
					file: "sockets-cpu", title: "a relayed message's processor time", x: "idle sockets", unit: "µs",
					lines: []curveLine{{name: "liberdus", points: along(liberdus, socketCounts(), messageAt)}},
				},
				{
					file: "sockets-memory", title: "the server's resident memory", x: "idle sockets", unit: "MB",
					lines: []curveLine{{name: "liberdus", points: along(liberdus, socketCounts(), residentAt)}},
				},
			},
		},
		{
			section: "Growth", name: "request size",
			about: "an account that nobody has is asked for, 64 times at once over one session, in requests that bring ever more along",
			sides: []side{
				{liberdus, growRequests(ourNodeWith(noAccount))},
				{"raw pion", growRequests(rawPionWith(noAccount))},
			},
			metrics: each(requestSizes(), requestAt, "µs"),
			curves: []curve{{
				file: "request-size", title: "a request's processor time", x: "bytes that it brings along", unit: "µs",
				lines: []curveLine{
					{name: liberdus, points: along(liberdus, requestSizes(), requestAt)},
					{name: "raw pion", points: along("raw pion", requestSizes(), requestAt)},
				},
			}},
		},
	}
}

func socketCounts() []int     { return []int{1000, 5000, 10_000, 18_000} }
func messageAt(n int) string  { return fmt.Sprintf("CPU per message, %d sockets", n) }
func residentAt(n int) string { return fmt.Sprintf("resident memory, %d sockets", n) }

func growSockets(ctx context.Context, e *env) (figures, error) {
	s, err := e.archiver(ctx, "--concurrent-limit", "100000")
	if err != nil {
		return nil, err
	}
	l, err := e.load("signalling")
	if err != nil {
		return nil, err
	}
	i := idler{e: e, l: l, s: s}
	f := figures{}
	for _, n := range socketCounts() {
		c := i.grow(ctx, e.few(n, n/10))
		f[residentAt(n)] = c.rss / 1e6
		f[messageAt(n)] = i.message(ctx, c)
	}
	return f, i.err
}

func requestSizes() []int    { return []int{100, 1000, 4000, 16_000, 60_000} }
func requestAt(n int) string { return fmt.Sprintf("CPU per request of %d bytes more", n) }

func growRequests(start nodeMaker) func(ctx context.Context, e *env) (figures, error) {
	return func(ctx context.Context, e *env) (figures, error) {
		s, err := start(ctx, e)
		if err != nil {
			return nil, err
		}
		if _, err := s.connect(ctx, 1); err != nil {
			return nil, err
		}
		f := figures{}
		for _, n := range requestSizes() {
			a := requestArgs{Account: s.account, InFlight: 64, Total: e.few(20_000_000/(1000+n), 500), Pad: n}
			warm := a
			warm.Total = a.Total / 10
			if err := s.load.do(ctx, "request", warm, nil); err != nil {
				return nil, fmt.Errorf("%d bytes: %w", n, err)
			}
			before, err := s.node.cpu()
			if err != nil {
				return nil, err
			}
			err = s.load.do(ctx, "request", a, nil)
			after, err2 := s.node.cpu()
			if err := errors.Join(err, err2); err != nil {
				return nil, fmt.Errorf("%d bytes: %w", n, err)
			}
			f[requestAt(n)] = float64((after - before).Microseconds()) / float64(a.Total)
		}
		return f, nil
	}
}
