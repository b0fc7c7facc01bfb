package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/url"
	"path/filepath"
	"slices"
	"time"
)

const sessions = "Sessions"

// A sessionSide is a node under test and what reaches it.
type sessionSide struct {
	node *server
	load *load
	url  string // HTTP address, of ours
	peer string
	arch *server

	account string // that is asked for
}

func (e *env) sessionArchiver(ctx context.Context) (*server, error) {
	return e.archiver(ctx, "--concurrent-limit", "10000")
}

// ourNode starts an archiver and a consensor of ours, which is asked for the
// largest account.
func ourNode(ctx context.Context, e *env) (*sessionSide, error) {
	return ourNodeWith(networkAccount)(ctx, e)
}

// ourNodeWith is one that is asked for another account.
func ourNodeWith(account accountMaker) nodeMaker {
	return func(ctx context.Context, e *env) (*sessionSide, error) {
		arch, err := e.sessionArchiver(ctx)
		if err != nil {
			return nil, err
		}
		s, err := e.consensor(ctx, arch)
		if err != nil {
			return nil, err
		}
		s.account, err = account(ctx, e, s)
		return s, err
	}
}

// consensor starts one of ours, with further flags, and what reaches it.
func (e *env) consensor(ctx context.Context, arch *server, flags ...string) (*sessionSide, error) {
	data, err := e.dir()
	if err != nil {
		return nil, err
	}
	bin, err := filepath.Abs(ours)
	if err != nil {
		return nil, err
	}
	p, err := e.start(onServerCore, true, "liberdus consensor", append([]string{
		bin, "consensor",
		"--archiver", "http://" + arch.addr, "--listen", ":0", "--data", data,
		// Every limit is at work, and none is reached.
		"--requests-per-second", "1000000", "--total-requests-per-second", "1000000",
		"--max-sessions", "5000", "--max-sessions-per-address", "5000",
	}, flags...)...)
	if err != nil {
		return nil, err
	}
	s := &sessionSide{node: &server{process: p}, arch: arch}
	s.url, err = p.await(ctx, func(line string) (string, bool) {
		var said struct{ Msg, Addr, PeerID string }
		if json.Unmarshal([]byte(line), &said) != nil || said.Msg != "ready" {
			return "", false
		}
		s.peer = said.PeerID
		_, port, err := net.SplitHostPort(said.Addr)
		return net.JoinHostPort("127.0.0.1", port), err == nil
	})
	if err != nil {
		return nil, err
	}
	s.load, err = e.load("sessions")
	return s, err
}

// with is a side with another client in place of the common one.
func with(load string, start nodeMaker) nodeMaker {
	return func(ctx context.Context, e *env) (*sessionSide, error) {
		s, err := start(ctx, e)
		if err != nil {
			return nil, err
		}
		s.load, err = e.load(load)
		return s, err
	}
}

// body is what every side answers.
func (s *sessionSide) body(ctx context.Context) (string, error) {
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, "http://"+s.url+"/account/"+s.account, nil)
	if err != nil {
		return "", err
	}
	resp, err := http.DefaultClient.Do(req)
	if err != nil {
		return "", err
	}
	defer resp.Body.Close()
	body, err := io.ReadAll(resp.Body)
	if resp.StatusCode != http.StatusOK {
		return "", fmt.Errorf("account: %s", resp.Status)
	}
	return string(body), err
}

// rawPionNode starts the archiver, and raw pion as the node.
func rawPionNode(ctx context.Context, e *env) (*sessionSide, error) {
	return rawPionWith(networkAccount)(ctx, e)
}

func rawPionWith(account accountMaker) nodeMaker {
	return reference("raw pion", account, func(e *env, server, id, account, body string) []string {
		return []string{e.self, "serve", "raw-pion", server, id, account, body}
	})
}

// scriptWith starts the archiver, and the JavaScript consensor as the node.
func scriptWith(account accountMaker) nodeMaker {
	return reference("simple-peerjs", account, func(_ *env, server, id, account, body string) []string {
		u, err := url.Parse(server)
		if err != nil { // made of an address that was connected to
			panic(err)
		}
		return []string{"node", "bench/simple-peerjs.cjs", u.Hostname(), u.Port(), id, account, body}
	})
}

// reference starts a node that is not ours. Its signalling and its answers are
// those of ours.
func reference(name string, account accountMaker, argv func(e *env, server, id, account, body string) []string) nodeMaker {
	return func(ctx context.Context, e *env) (*sessionSide, error) {
		ours, err := ourNodeWith(account)(ctx, e)
		if err != nil {
			return nil, err
		}
		body, err := ours.body(ctx)
		if err != nil {
			return nil, err
		}
		ours.node.end()
		s := &sessionSide{arch: ours.arch, load: ours.load, account: ours.account}
		return s, s.begin(ctx, e, name, argv(e, "http://"+s.arch.addr+"/liberdus-peer", "reference", s.account, body))
	}
}

// begin starts the node of a reference and learns its peer id.
func (s *sessionSide) begin(ctx context.Context, e *env, name string, argv []string) error {
	p, err := e.start(onServerCore, false, name, argv...)
	if err != nil {
		return err
	}
	s.node = &server{process: p}
	s.peer, err = p.await(ctx, func(line string) (string, bool) {
		var said struct{ PeerID string }
		return said.PeerID, json.Unmarshal([]byte(line), &said) == nil && said.PeerID != ""
	})
	return err
}

// connect opens further sessions and returns the milliseconds each took.
func (s *sessionSide) connect(ctx context.Context, n int) ([]float64, error) {
	var took []float64
	err := s.load.do(ctx, "connect", connectArgs{Server: "http://" + s.arch.addr + "/liberdus-peer", Peer: s.peer, Sessions: n}, &took)
	return took, err
}

// A nodeMaker starts the node of a side.
type nodeMaker func(ctx context.Context, e *env) (*sessionSide, error)

// askSession measures requests over one session.
func askSession(start nodeMaker) func(ctx context.Context, e *env) (figures, error) {
	return func(ctx context.Context, e *env) (figures, error) {
		s, err := start(ctx, e)
		if err != nil {
			return nil, err
		}
		if _, err := s.connect(ctx, 1); err != nil {
			return nil, err
		}
		return s.ask(ctx, e, s.load)
	}
}

// askHTTP measures the same requests at the node's HTTP server.
func askHTTP(start nodeMaker) func(ctx context.Context, e *env) (figures, error) {
	return func(ctx context.Context, e *env) (figures, error) {
		s, err := start(ctx, e)
		if err != nil {
			return nil, err
		}
		load, err := e.load("http")
		if err != nil {
			return nil, err
		}
		return s.ask(ctx, e, load)
	}
}

func (s *sessionSide) ask(ctx context.Context, e *env, load *load) (figures, error) {
	f := figures{}
	for _, n := range []struct{ inFlight, total int }{{1, 5000}, {16, 20000}, {64, 40000}} {
		if e.quick {
			n.total /= 5
		}
		args := requestArgs{URL: s.url, Account: s.account, InFlight: n.inFlight, Total: n.total}
		warm := args
		warm.Total = n.total / 10
		if err := load.do(ctx, "request", warm, nil); err != nil {
			return nil, err
		}
		before, busy, err := s.cpus(load)
		if err != nil {
			return nil, err
		}
		var seconds float64
		if err := load.do(ctx, "request", args, &seconds); err != nil {
			return nil, err
		}
		after, busyAfter, err := s.cpus(load)
		if err != nil {
			return nil, err
		}
		f[cpuAt(n.inFlight)] = float64((after - before).Microseconds()) / float64(n.total)
		f[loadAt(n.inFlight)] = float64((busyAfter - busy).Microseconds()) / float64(n.total)
		f[rateAt(n.inFlight)] = float64(n.total) / seconds
	}
	return f, nil
}

// cpus are the processor times of the node and of its load so far.
func (s *sessionSide) cpus(load *load) (node, client time.Duration, err error) {
	if node, err = s.node.cpu(); err != nil {
		return 0, 0, err
	}
	client, err = load.cpu()
	return node, client, err
}

func loadAt(n int) string { return fmt.Sprintf("the load's CPU per request, %d in flight", n) }
func cpuAt(n int) string  { return fmt.Sprintf("CPU per request, %d in flight", n) }
func rateAt(n int) string { return fmt.Sprintf("requests a second, %d in flight", n) }

// idle measures what sessions cost that do nothing.
func idle(start nodeMaker, sizes ...int) func(ctx context.Context, e *env) (figures, error) {
	return func(ctx context.Context, e *env) (figures, error) {
		s, err := start(ctx, e)
		if err != nil {
			return nil, err
		}
		empty, err := s.node.rss()
		if err != nil {
			return nil, err
		}
		f, open := figures{}, 0
		for _, n := range sizes {
			if _, err := s.connect(ctx, n-open); err != nil {
				return nil, err
			}
			open = n
			if err := pause(ctx, 10*time.Second); err != nil { // handshakes are over
				return nil, err
			}
			before, err := s.node.cpu()
			if err != nil {
				return nil, err
			}
			span := 30 * time.Second
			if e.quick {
				span = 10 * time.Second
			}
			if err := pause(ctx, span); err != nil {
				return nil, err
			}
			after, err := s.node.cpu()
			if err != nil {
				return nil, err
			}
			rss, err := s.node.rss()
			if err != nil {
				return nil, err
			}
			if err := s.load.do(ctx, "check", nil, nil); err != nil {
				return nil, err
			}
			f[idleCPU(n)] = float64((after - before).Microseconds()) / span.Seconds() / float64(n)
			f[idleRSS(n)] = (rss - empty) / 1024 / float64(n)
		}
		if len(sizes) > 1 {
			f[growthCPU] = f[idleCPU(sizes[len(sizes)-1])] / f[idleCPU(sizes[0])]
		}
		return f, nil
	}
}

const growthCPU = "CPU per session, most / least sessions"

func manyIdle() []int { return []int{500, 1000, 2000, 3000} }

func idleCPU(n int) string { return fmt.Sprintf("CPU per session and second, %d idle", n) }
func idleRSS(n int) string { return fmt.Sprintf("memory per session, %d idle", n) }

func pause(ctx context.Context, d time.Duration) error {
	select {
	case <-time.After(d):
		return nil
	case <-ctx.Done():
		return errors.New("interrupted")
	}
}

func sessionScenarios() []scenario {
	return []scenario{
		requestsFor("requests", "a user's account is asked for again and again over one session", userAccount),
		requestsFor("requests, small replies", "an account that nobody has", noAccount),
		requestsFor("requests, large replies", "the account of the network, whose reply takes two packets", networkAccount),
		connectPlain(), connectOurs(), connectChromium(), accountScenario(),
		{
			section: sessions, name: "idle",
			about: "sessions that are not used; raw pion's client checks every 2 s that the node is there, ours every 6 s unless the node does",
			sides: []side{
				{"liberdus and its client", idle(with("our sessions", ourNode), 300)},
				{"liberdus", idle(ourNode, 300)},
				{"raw pion", idle(rawPionNode, 300)},
			},
			metrics: []metric{
				{name: idleCPU(300), unit: "µs", goals: []goal{{"raw pion", 0.5}}},
				{name: idleRSS(300), unit: "KB", goals: []goal{{"raw pion", 0.8}}},
			},
		},
		{
			section: sessions, name: "many idle",
			about: "the same with a plain pion client, 500 sessions and then ever more, up to 3,000, in one process",
			sides: []side{{"liberdus", idle(ourNode, manyIdle()...)}},
			metrics: slices.Concat(
				[]metric{{name: growthCPU, goals: []goal{{"", 1.15}}}},
				each(manyIdle(), idleCPU, "µs"), each(manyIdle(), idleRSS, "KB"),
			),
			curves: []curve{
				{
					file: "sessions-cpu", title: "an idle session's processor time", x: "sessions", unit: "µs a second",
					lines: []curveLine{{name: "plain pion client", points: along("liberdus", manyIdle(), idleCPU)}},
				},
				{
					file: "sessions-memory", title: "an idle session's memory", x: "sessions", unit: "KB",
					lines: []curveLine{{name: "plain pion client", points: along("liberdus", manyIdle(), idleRSS)}},
				},
			},
		},
	}
}
