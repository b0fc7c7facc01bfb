package conformance

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/url"
	"regexp"
	"slices"
	"strings"
	"time"

	"github.com/gorilla/websocket"
)

const (
	patience = 10 * time.Second        // for what must come
	moment   = 1500 * time.Millisecond // for what the reference does not do
	short    = 300 * time.Millisecond  // for what nobody may do
	nothing  = "nothing"
	open     = `{"type":"OPEN"}`
)

// A check is one statement being asked of one server. Its methods panic with a
// failure when the question cannot be put; Observe turns that into an error.
type check struct {
	side    Side
	options Options
	server  Server
	web     *http.Client
	undo    []func()
}

type failure struct{ err error }

func (c *check) fail(format string, args ...any) { panic(failure{fmt.Errorf(format, args...)}) }

func (c *check) start(o Options) {
	s, err := c.side.Start(o)
	if err != nil {
		c.fail("start: %w", err)
	}
	if s.Dial == nil {
		s.Dial = new(net.Dialer).DialContext
	}
	transport := &http.Transport{DialContext: s.Dial}
	c.options, c.server, c.web = o, s, &http.Client{Transport: transport, Timeout: patience}
	c.undo = append(c.undo, s.Close, transport.CloseIdleConnections)
}

func (c *check) close() {
	for _, undo := range slices.Backward(c.undo) {
		undo()
	}
}

// An answer to an HTTP request.
type answer struct {
	status int
	header http.Header
	body   string
}

func (a answer) kind() string {
	kind, _, _ := strings.Cut(a.header.Get("Content-Type"), ";")
	return kind
}

func (a answer) allowed() string {
	if got, ok := a.header["Access-Control-Allow-Origin"]; ok {
		return strings.Join(got, "+")
	}
	return "no origin"
}

func (a answer) varies(on string) bool {
	for name := range strings.SplitSeq(strings.Join(a.header.Values("Vary"), ","), ",") {
		if strings.EqualFold(strings.TrimSpace(name), on) {
			return true
		}
	}
	return false
}

// call makes a request with headers given as name, value.
func (c *check) call(method, path string, headers ...string) answer {
	a, err := c.tryCall(method, path, patience, headers...)
	if err != nil {
		c.fail("%s %s: %w", method, path, err)
	}
	return a
}

func (c *check) tryCall(method, path string, within time.Duration, headers ...string) (answer, error) {
	ctx, cancel := context.WithTimeout(context.Background(), within)
	defer cancel()
	req, err := http.NewRequestWithContext(ctx, method, c.server.Base+path, nil)
	if err != nil {
		return answer{}, err
	}
	for pair := range slices.Chunk(headers, 2) {
		req.Header.Set(pair[0], pair[1])
	}
	resp, err := c.web.Do(req)
	if err != nil {
		return answer{}, err
	}
	defer resp.Body.Close()
	body, err := io.ReadAll(resp.Body)
	return answer{resp.StatusCode, resp.Header, string(body)}, err
}

func (c *check) get(path string, headers ...string) answer { return c.call("GET", path, headers...) }

var uuid4 = regexp.MustCompile(`^[0-9a-f]{8}-[0-9a-f]{4}-4[0-9a-f]{3}-[89ab][0-9a-f]{3}-[0-9a-f]{12}$`)

// id describes the answer to a request for an id.
func (a answer) id() string {
	what := fmt.Sprintf("%q", a.body)
	if uuid4.MatchString(a.body) {
		what = "a UUID v4"
	}
	return fmt.Sprintf("%d %s %s", a.status, a.kind(), what)
}

// peers asks which ids are registered, which needs AllowDiscovery.
func (c *check) peers() string { return c.get(c.base() + "/" + Key + "/peers").body }

// awaitPeers asks until the answer is want, and returns the last one.
func (c *check) awaitPeers(want string) (got string) {
	for deadline := time.Now().Add(patience); ; <-time.After(5 * time.Millisecond) {
		if got = c.peers(); got == want || time.Now().After(deadline) {
			return got
		}
	}
}

// base is the configured path, as clients write it.
func (c *check) base() string {
	if p := strings.Trim(c.options.Path, "/"); p != "" {
		return "/" + p
	}
	return ""
}

// query is what a WebSocket's URL says; empty values are left out.
func query(key, id, token string) string {
	q := url.Values{}
	for name, value := range map[string]string{"key": key, "id": id, "token": token} {
		if value != "" {
			q.Set(name, value)
		}
	}
	return q.Encode()
}

// ws opens a WebSocket.
func (c *check) ws(rawQuery string, headers ...string) *socket {
	s, refused := c.dial(c.base()+"/peerjs?"+rawQuery, headers...)
	if refused != "" {
		c.fail("upgrade: %s", refused)
	}
	return s
}

// dial opens a WebSocket at a path, or says with which status it was refused.
func (c *check) dial(path string, headers ...string) (s *socket, refused string) {
	h := http.Header{}
	for pair := range slices.Chunk(headers, 2) {
		h.Set(pair[0], pair[1])
	}
	d := websocket.Dialer{NetDialContext: c.server.Dial, HandshakeTimeout: patience}
	conn, resp, err := d.Dial("ws"+strings.TrimPrefix(c.server.Base, "http")+path, h)
	if errors.Is(err, websocket.ErrBadHandshake) {
		return nil, fmt.Sprint(resp.StatusCode)
	}
	if err != nil {
		c.fail("dial %s: %w", path, err)
	}
	s = newSocket(c, conn)
	c.undo = append(c.undo, s.drop)
	return s, ""
}

// reg registers id with token "t".
func (c *check) reg(id string) *socket { return c.regAs(id, "t") }

func (c *check) regAs(id, token string) *socket {
	s := c.ws(query(Key, id, token))
	s.id = id
	if got := s.next(); got != open {
		c.fail("register %s: %s", id, got)
	}
	return s
}

// due is how long to wait for what a server of this project does, and the
// reference does not: there, no longer than shows that it does not come.
func (c *check) due() time.Duration {
	if c.side.Kind == Reference {
		return moment
	}
	return patience
}

// during describes a duration by the bounds that it keeps, or as it is.
func (c *check) during(d, from, to time.Duration) string {
	if d < from || d > to+c.side.Slack {
		return fmt.Sprintf("after %v", d.Round(time.Millisecond))
	}
	return fmt.Sprintf("after %v to %v", from, to)
}

// all describes several results: as one if they are equal.
func all(results ...string) string {
	if len(slices.Compact(slices.Clone(results))) == 1 {
		return results[0] + " each time"
	}
	return join(results...)
}

func join(results ...string) string { return strings.Join(results, " · ") }
