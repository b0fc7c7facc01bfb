package main

import (
	"context"
	"encoding/json"
	"path/filepath"
)

// gateway starts one of ours, to the network of an archiver.
func (e *env) gateway(ctx context.Context, arch *server) (*server, error) {
	data, err := e.dir()
	if err != nil {
		return nil, err
	}
	bin, err := filepath.Abs(ours)
	if err != nil {
		return nil, err
	}
	p, err := e.start(onServerCore, true, "liberdus client gateway", bin, "client", "gateway",
		"--archiver", "http://"+arch.addr, "--listen", "127.0.0.1:0", "--data", data)
	if err != nil {
		return nil, err
	}
	addr, err := p.await(ctx, func(line string) (string, bool) {
		var said struct{ Msg, Addr string }
		ok := json.Unmarshal([]byte(line), &said) == nil && said.Msg == "ready"
		return said.Addr, ok
	})
	return &server{process: p, addr: addr}, err
}

// askGateway measures requests over HTTP at a gateway to a node, which it asks
// over WebRTC.
func askGateway(ctx context.Context, e *env) (figures, error) {
	back, err := ourNode(ctx, e)
	if err != nil {
		return nil, err
	}
	g, err := e.gateway(ctx, back.arch)
	if err != nil {
		return nil, err
	}
	load, err := e.load("http")
	if err != nil {
		return nil, err
	}
	return (&sessionSide{node: g, url: g.addr, account: back.account}).ask(ctx, e, load)
}

func gatewayScenarios() []scenario {
	var metrics []metric
	for _, n := range []int{1, 16, 64} {
		rate := metric{name: rateAt(n), unit: "/s", more: true}
		if n == 64 {
			rate.goals = []goal{{against: "httputil.ReverseProxy", ratio: 0.5}}
		}
		metrics = append(metrics, rate, metric{name: cpuAt(n), unit: "µs"})
	}
	return []scenario{{
		section: "Gateway", name: "requests",
		about: "one account is asked for again and again, over HTTP, of a process that asks a node for it: ours over WebRTC, the other over HTTP. " +
			"Both and the node share one core; the CPU is that of the process in between",
		sides: []side{
			{"liberdus client gateway", askGateway},
			{"httputil.ReverseProxy", askProxy},
		},
		metrics: metrics,
	}}
}
