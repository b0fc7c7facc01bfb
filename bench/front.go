package main

import (
	"context"
	"errors"
	"net"
	"net/http"
	"net/http/httputil"
	"net/url"
	"os"
	"time"
)

// frontNode starts a node, and a consensor of ours before it, which is the one
// that is measured.
func frontNode(ctx context.Context, e *env) (*sessionSide, error) {
	back, err := ourNode(ctx, e)
	if err != nil {
		return nil, err
	}
	s, err := e.consensor(ctx, back.arch, "--ledger", "shardus", "--node", "http://"+back.url)
	if err != nil {
		return nil, err
	}
	s.account = back.account
	return s, nil
}

// askFront measures requests at the HTTP door of the consensor in front.
func askFront(ctx context.Context, e *env) (figures, error) {
	s, err := frontNode(ctx, e)
	if err != nil {
		return nil, err
	}
	load, err := e.load("http")
	if err != nil {
		return nil, err
	}
	return s.ask(ctx, e, load)
}

// askProxy measures the same requests at a reverse proxy in the same place.
func askProxy(ctx context.Context, e *env) (figures, error) {
	back, err := ourNode(ctx, e)
	if err != nil {
		return nil, err
	}
	proxy, err := e.listen(ctx, "proxy", e.self, "serve", "proxy", "http://"+back.url)
	if err != nil {
		return nil, err
	}
	load, err := e.load("http")
	if err != nil {
		return nil, err
	}
	return (&sessionSide{node: proxy, url: proxy.addr, account: back.account}).ask(ctx, e, load)
}

// serveProxy is "bench serve proxy URL": the reverse proxy of Go's library, with
// as many connections as ours keeps, and for as long.
func serveProxy(ctx context.Context) error {
	if len(os.Args) != 4 {
		return errors.New("usage: bench serve proxy URL")
	}
	target, err := url.Parse(os.Args[3])
	if err != nil {
		return err
	}
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		return err
	}
	proxy := &httputil.ReverseProxy{
		Rewrite: func(r *httputil.ProxyRequest) { r.SetURL(target) },
		Transport: &http.Transport{
			MaxIdleConnsPerHost: 128, MaxConnsPerHost: 128, IdleConnTimeout: 3 * time.Second, DisableCompression: true,
		},
	}
	srv := &http.Server{Handler: proxy, ReadHeaderTimeout: 5 * time.Second}
	context.AfterFunc(ctx, func() { srv.Close() })
	announce(l)
	if err := srv.Serve(l); !errors.Is(err, http.ErrServerClosed) {
		return err
	}
	return nil
}

func frontScenarios() []scenario {
	var metrics []metric
	for _, n := range []int{1, 16, 64} {
		cpu := metric{name: cpuAt(n), unit: "µs"}
		if n == 64 {
			cpu.goals = []goal{{against: "httputil.ReverseProxy", ratio: 2.5}}
		}
		metrics = append(metrics, cpu, metric{name: rateAt(n), unit: "/s", more: true})
	}
	return []scenario{{
		section: "Before a node", name: "handing through",
		about: "one account is asked for again and again, of a process that asks a node for it; the CPU is that of this process",
		sides: []side{
			{"liberdus over one session", askSession(frontNode)},
			{"httputil.ReverseProxy", askProxy},
			{"liberdus over HTTP", askFront},
		},
		metrics: metrics,
	}}
}
