package e2e

import (
	"bufio"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"testing"
	"time"

	"github.com/liberdus/liberdus/internal/impair"
)

// impairerEnv has this test binary run as a bad line of UDP, in whatever network
// it was started in.
const impairerEnv = "LIBERDUS_E2E_IMPAIRER"

// An order is what the impairer is told to do, as a line of JSON. Each is
// answered with the event "done" and the counts.
type order struct {
	Up, Down impair.Weather
	Rebind   bool
}

// impairOnAndOn carries datagrams between its first argument, where it listens,
// and its second, until its input ends.
func impairOnAndOn() int {
	u, err := impair.ListenUDP(os.Args[1], os.Args[2], uint64(time.Now().UnixNano()))
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		return 1
	}
	ctx, cancel := context.WithCancel(context.Background())
	ran := make(chan error, 1)
	go func() { ran <- u.Run(ctx) }()
	err = obey(u)
	cancel()
	if err = errors.Join(err, <-ran); err != nil {
		fmt.Fprintln(os.Stderr, err)
		return 1
	}
	return 0
}

func obey(u *impair.UDP) error {
	say := json.NewEncoder(os.Stdout)
	for lines := bufio.NewScanner(os.Stdin); lines.Scan(); {
		var o order
		if err := json.Unmarshal(lines.Bytes(), &o); err != nil {
			return err
		}
		if err := u.Set(o.Up, o.Down); err != nil {
			return err
		}
		clients := 0
		if o.Rebind {
			var err error
			if clients, err = u.Rebind(); err != nil {
				return err
			}
		}
		up, down := u.Counts()
		if err := say.Encode(map[string]any{"event": "done", "clients": clients, "up": up, "down": down}); err != nil {
			return err
		}
	}
	return nil
}

// An impairer is such a process.
type impairer struct {
	*child
	t     *testing.T
	in    io.WriteCloser
	order order
}

// impaired starts a node on a host that is reached through a bad line alone,
// and the line: fair weather until it is told otherwise.
func (l *lab) impaired(more ...string) (*role, *impairer) {
	l.t.Helper()
	l.rules(noIPv6 + `
		table inet around {
			chain forward {
				type filter hook forward priority filter;
				meta l4proto udp drop
			}
		}`)
	host := l.host()
	const outside = archiverAddr + ":9001"
	line := newImpairer(l, outside, host.addr+":9001")
	node := host.consensor(append([]string{"--family", "4", "--udp-external", outside}, more...)...)
	return node, line
}

func newImpairer(l *lab, at, target string) *impairer {
	l.t.Helper()
	cmd := l.router.command(context.Background(), os.Args[0], at, target)
	cmd.Env = append(cmd.Env, impairerEnv+"=1")
	in, err := cmd.StdinPipe()
	if err != nil {
		l.t.Fatal(err)
	}
	i := &impairer{child: spawn(l.t, "impairer", cmd), t: l.t, in: in}
	l.t.Cleanup(func() { i.ends(l.t, in) })
	i.tell()
	return i
}

// ends has a child that reads its input come to an end, which must be a good one.
func (c *child) ends(t *testing.T, in io.Closer) {
	t.Helper()
	in.Close()
	if code, ok := c.exit(stopWithin); !ok || code != 0 {
		t.Errorf("%s ended with %d, %v, want 0 in time", c.name, code, ok)
	}
	c.noRace(t)
}

// weather changes, both ways.
func (i *impairer) weather(w impair.Weather) {
	i.t.Helper()
	i.order.Up, i.order.Down = w, w
	i.tell()
}

// rebind gives the line's clients other ports, and returns how many there were.
func (i *impairer) rebind() int {
	i.t.Helper()
	i.order.Rebind = true
	r := i.tell()
	i.order.Rebind = false
	n, _ := r["clients"].(float64)
	return int(n)
}

// lost is how many datagrams the line has lost so far.
func (i *impairer) lost() int {
	i.t.Helper()
	r, n := i.tell(), 0
	for _, way := range []string{"up", "down"} {
		counts, _ := r[way].(map[string]any)
		lost, _ := counts["Lost"].(float64)
		if dropped, _ := counts["Dropped"].(float64); dropped > 0 {
			i.t.Errorf("the line had no room for %v datagrams", dropped)
		}
		n += int(lost)
	}
	return n
}

// tell gives the order and waits until it is obeyed.
func (i *impairer) tell() record {
	i.t.Helper()
	return i.ask(i.t, i.in, i.order, "done")
}

// ask writes a line to a child that reads its input, and waits for the event
// that answers it.
func (c *child) ask(t *testing.T, in io.Writer, what any, event string) record {
	t.Helper()
	text, err := json.Marshal(what)
	if err != nil {
		t.Fatal(err)
	}
	said := c.out.mark()
	if _, err := in.Write(append(text, '\n')); err != nil {
		t.Fatalf("%s: %v", c.name, err)
	}
	r, err := c.await(c.out, said, time.Minute, func(r record) bool { return r.text("event") == event })
	if err != nil {
		t.Fatalf("%s: no event %q: %v", c.name, event, err)
	}
	return r
}
