package doctor

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/netip"
	"net/url"
	"slices"
	"strings"
	"time"

	"github.com/liberdus/liberdus/internal/config"
	"github.com/liberdus/liberdus/nodelist"
)

const (
	certSoon  = 14 * 24 * time.Hour // before its end a certificate is warned about, unless its life is short
	skewWarn  = 5 * time.Second     // what identities report
	skewFatal = time.Minute         // beyond it an archiver refuses to list a node
)

// A patient is one archiver, and what was found on the way to it and beyond.
type patient struct {
	// Fixed.
	ctx  context.Context
	cfg  Config
	at   nodelist.Archiver
	url  *url.URL
	list *nodelist.Client

	found []Finding
}

func newPatient(ctx context.Context, cfg Config, a nodelist.Archiver) *patient {
	return &patient{ctx: ctx, cfg: cfg, at: a}
}

func (p *patient) say(check string, s Status, remedy, format string, args ...any) {
	p.found = append(p.found, Finding{Check: check, Of: p.at.URL, Status: s, Found: fmt.Sprintf(format, args...), Remedy: remedy})
}

// step runs one check, which has its own time, and says whether the next is of
// use.
func (p *patient) step(check string, do func(ctx context.Context) bool) bool {
	p.cfg.Progress(check + " of " + p.at.URL)
	ctx, cancel := context.WithTimeoutCause(p.ctx, checkTime, fmt.Errorf("nothing within %v", checkTime))
	defer cancel()
	return do(ctx)
}

// examine goes the way to the archiver until something fails.
func (p *patient) examine() []Finding {
	var err error
	if p.url, err = url.Parse(p.at.URL); err != nil {
		p.say("archiver", Fail, "give URL#KEY", "%v", err)
		return p.found
	}
	steps := []struct {
		check string
		do    func(context.Context) bool
	}{{"dns", p.dns}, {"tcp", p.tcp}, {"tls", p.tls}, {"http", p.http}, {"list", p.signedList}}
	for _, s := range steps {
		if !p.step(s.check, s.do) {
			break
		}
	}
	return p.found
}

func (p *patient) dns(ctx context.Context) bool {
	host := p.url.Hostname()
	if _, err := netip.ParseAddr(host); err == nil {
		return true // nothing to look up
	}
	addrs, err := net.DefaultResolver.LookupHost(ctx, host)
	if err != nil {
		p.say("dns", Fail, "check the host's name, and this machine's resolver (/etc/resolv.conf)", "%s has no address: %v", host, because(ctx, err))
		return false
	}
	p.say("dns", OK, "", "%s is %s", host, strings.Join(addrs, ", "))
	return true
}

func (p *patient) port() string {
	if p.url.Port() == "" && p.url.Scheme == "https" {
		return "443"
	}
	return cmp.Or(p.url.Port(), "80")
}

func (p *patient) addr() string { return net.JoinHostPort(p.url.Hostname(), p.port()) }

func (p *patient) tcp(ctx context.Context) bool {
	began := time.Now()
	conn, err := new(net.Dialer).DialContext(ctx, "tcp", p.addr())
	if err != nil {
		p.say("tcp", Fail, "is the archiver running, is the port right, and does a firewall let TCP "+p.port()+" through?", "no connection to %s: %v", p.addr(), because(ctx, err))
		return false
	}
	conn.Close() // nothing was sent
	p.say("tcp", OK, "", "%s connects in %v", conn.RemoteAddr(), since(began))
	return true
}

func (p *patient) http(ctx context.Context) bool {
	began := time.Now()
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, p.at.URL+"/is-alive", nil)
	if err != nil {
		p.say("http", Fail, "give URL#KEY", "%v", err)
		return false
	}
	transport := &http.Transport{DisableKeepAlives: true, Proxy: http.ProxyFromEnvironment}
	resp, err := transport.RoundTrip(req) // follows no redirect
	if err != nil {
		p.say("http", Fail, "does something else than an archiver listen there? https:// and http:// differ", "GET /is-alive: %v", because(ctx, err))
		return false
	}
	defer resp.Body.Close()
	_, _ = io.Copy(io.Discard, io.LimitReader(resp.Body, 1<<16)) // its status says it all
	switch {
	case resp.StatusCode == http.StatusOK:
		p.say("http", OK, "", "answers in %v", since(began))
		return true
	case resp.StatusCode >= 300 && resp.StatusCode < 400:
		p.say("http", Fail, "give that URL instead", "it redirects to %q", resp.Header.Get("Location"))
	case resp.StatusCode == http.StatusNotFound:
		p.say("http", Fail, "give the URL of an archiver; a bare PeerJS server has no list of nodes", "GET /is-alive: 404: this is no archiver")
	default:
		p.say("http", Fail, "look into the log of the archiver, or of the proxy in front of it", "GET /is-alive: %d", resp.StatusCode)
	}
	return false
}

// signedList asks for the list, and goes on to what it says.
func (p *patient) signedList(ctx context.Context) bool {
	known, err := nodelist.ReadKnownKeys(p.cfg.Keys)
	if err != nil {
		p.say("list", Fail, "repair or remove the file", "%v", err)
		return false
	}
	p.list = nodelist.NewClient(p.at, nodelist.ClientConfig{KnownKeys: known, Timeout: checkTime, Log: p.cfg.Log, HTTP: &http.Client{Transport: &http.Transport{DisableKeepAlives: true, Proxy: http.ProxyFromEnvironment}}})
	at, err := p.list.Signalling(ctx)
	if err == nil && at.Foreign {
		err = nodelist.ErrNotArchiver
	}
	if err != nil {
		p.say("list", Fail, "give the archiver's right key as URL#KEY: ask who runs it, by another way", "%v", because(ctx, err))
		return false
	}
	p.clock(at.Info.Skew)
	p.browserPort(at.Server.Port)
	list, err := p.list.Active(ctx)
	if err != nil {
		p.say("list", Fail, "is its clock right? else ask who runs the archiver", "%v", because(ctx, err))
		return false
	}
	p.listed(list)
	p.nodes(at, list)
	return true
}

// listed says what the list is worth.
func (p *patient) listed(list nodelist.SignedList) {
	by := fmt.Sprintf("%d active nodes, signed by %s", len(list.Nodes), list.Key)
	switch {
	case len(list.Nodes) == 0:
		p.say("list", Fail, "start a consensor with --archiver "+p.at.URL+"#"+list.Key+"; one that runs says in its log why it is not listed", "%s", by)
	case p.at.Key == "":
		p.say("list", Warn, "if that is its key, pin it: "+p.at.URL+"#"+list.Key, "%s, which is not pinned", by)
	default:
		p.say("list", OK, "", "%s, as pinned", by)
	}
}

func (p *patient) clock(skew time.Duration) {
	// What the request took is in it, by half.
	differ, remedy := skew.Abs().Round(time.Millisecond), "set the clock of the machine that is wrong: timedatectl set-ntp true, or chrony"
	side := "behind"
	if skew < 0 {
		side = "ahead of"
	}
	switch {
	case differ > skewFatal:
		p.say("clock", Fail, remedy, "this machine is %v %s the archiver: beyond %v no node is listed", differ, side, skewFatal)
	case differ > skewWarn:
		p.say("clock", Warn, remedy, "this machine is %v %s the archiver", differ, side)
	default:
		p.say("clock", OK, "", "within %v of the archiver's", max(differ, time.Millisecond))
	}
}

func (p *patient) browserPort(port int) {
	if !config.BrowserSafe(port) {
		p.say("browser", Fail, "have the archiver listen on another port too, such as --listen :6080", "browsers refuse to connect to port %d, which the archiver tells them", port)
		return
	}
	if own, err := net.LookupPort("tcp", p.port()); err == nil && !config.BrowserSafe(own) {
		p.say("browser", Warn, fmt.Sprintf("give pages the port %d", port), "browsers refuse to connect to port %d of this URL; programs do", own)
		return
	}
	p.say("browser", OK, "", "browsers may connect to port %d", port)
}

// because prefers why ctx ended to the bare fact.
func because(ctx context.Context, err error) error {
	if a, ok := errors.AsType[*nodelist.ArchiverError](err); ok {
		err = a.Err // whose URL is said already
	}
	if c := context.Cause(ctx); c != nil && (errors.Is(err, ctx.Err()) || isTimeout(err)) {
		return c
	}
	return err
}

func isTimeout(err error) bool {
	t, ok := errors.AsType[net.Error](err)
	return ok && t.Timeout()
}

func since(t time.Time) time.Duration { return time.Since(t).Round(100 * time.Microsecond) }

// unique returns the addresses once each, in order.
func unique(list []netip.AddrPort) []string {
	var out []string
	for _, a := range list {
		if s := a.String(); !slices.Contains(out, s) {
			out = append(out, s)
		}
	}
	return out
}
