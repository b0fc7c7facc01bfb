package conformance

import (
	"fmt"
	"net"
	"strings"
	"time"
)

func processStatements() []Statement {
	const ours = "127.0.71.72"
	return []Statement{
		{
			Number: 72, Asked: "no port; PORT=n; PORT=n and --port m", launches: true,
			Want:      ours + ":6000," + ours + ":6080 · n · m",
			Reference: "exit 1: Missing required argument: port · n · m",
			Why:       "an archiver has default ports",
			observe: func(c *check) string {
				n, m := freePort(c), freePort(c)
				named := strings.NewReplacer(ours+":"+n, "n", "127.0.0.1:"+n, "n", ours+":"+m, "m", "127.0.0.1:"+m, "m")
				return named.Replace(join(
					c.launch([]string{"--host", ours}, []string{"Missing required argument: port"}),
					c.launch([]string{"--host", ours}, nil, "PORT="+n),
					c.launch([]string{"--host", ours, "--port", m}, nil, "PORT="+n)))
			},
		},
		{
			Number: 73, Asked: "PEERSERVER_PATH=/x: GET /x/peerjs/id", launches: true, Want: "200 text/html a UUID v4",
			observe: func(c *check) string {
				l := c.run([]string{"--host", ours}, "PORT="+freePort(c), "PEERSERVER_PATH=/x")
				if l.Addrs == "" {
					return "it ended: " + l.Said
				}
				c.at("http://" + l.Addrs)
				return c.get("/x/peerjs/id").id()
			},
		},
		{
			Number: 74, Asked: "--sslkey without --sslcert", launches: true,
			Want: "exit 2: go together", Reference: "exit 1: has not been provided", Why: "2 is the exit code of wrong usage here",
			observe: func(c *check) string {
				return c.launch([]string{"--host", ours, "--sslkey", "key.pem"}, []string{"go together", "has not been provided"}, "PORT="+freePort(c))
			},
		},
		{
			Number: 75, Asked: "SIGTERM with a client: the client, the server", Want: "close 1001 · ends", Reference: "nothing · goes on",
			Why: "clients are told to come back, and the process does not wait for them",
			observe: func(c *check) string {
				a := c.reg("a")
				c.server.Stop()
				got := a.nextWithin(c.due())
				select {
				case <-c.server.Ended:
					return join(got, "ends")
				case <-time.After(c.due()):
					return join(got, "goes on")
				}
			},
		},
		{
			Number: 76, Asked: "a frame that is not masked: its socket, another", Want: "close 1002 · nothing",
			observe: func(c *check) string {
				a, b := c.reg("a"), c.reg("b")
				if _, err := a.conn.NetConn().Write([]byte("\x81\x02{}")); err != nil {
					c.fail("write: %w", err)
				}
				return join(a.next(), b.heard())
			},
		},
	}
}

// run launches the program for as long as the check lasts.
func (c *check) run(args []string, env ...string) Launched {
	l, err := c.side.Launch(args, env)
	if err != nil {
		c.fail("launch: %w", err)
	}
	c.undo = append(c.undo, l.Close)
	return l
}

// launch says where a program listens, or with which code it ended and which
// of the reasons it gave.
func (c *check) launch(args, reasons []string, env ...string) string {
	l := c.run(args, env...)
	if l.Addrs != "" {
		l.Close()
		return l.Addrs
	}
	for _, reason := range reasons {
		if strings.Contains(l.Said, reason) {
			return fmt.Sprintf("exit %d: %s", l.Code, reason)
		}
	}
	return fmt.Sprintf("exit %d", l.Code)
}

// at lets the check ask a server that it did not start by Options.
func (c *check) at(base string) {
	s := c.side.Start
	c.side.Start = func(Options) (Server, error) { return Server{Base: base, Close: func() {}}, nil }
	c.start(Options{})
	c.side.Start = s
}

// freePort returns a port that nobody used a moment ago.
func freePort(c *check) string {
	l, err := net.Listen("tcp", "127.0.71.72:0")
	if err != nil {
		c.fail("find a free port: %w", err)
	}
	defer l.Close()
	_, port, _ := net.SplitHostPort(l.Addr().String())
	return port
}
