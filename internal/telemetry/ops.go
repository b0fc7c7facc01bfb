package telemetry

import (
	"embed"
	"encoding/json"
	"fmt"
	"html/template"
	"io"
	"log/slog"
	"net"
	"net/http"
	"net/http/pprof"
	"net/netip"
	"runtime"
	"strconv"
	"strings"
	"time"
)

//go:embed ops.html ops.css
var opsFiles embed.FS

// A Check is one thing that must be well for a process to be of use.
type Check struct {
	Name string `json:"name"`
	Err  string `json:"error,omitempty"` // why it is not; empty: it is well
}

// A Budget is something of which there may be so much.
type Budget struct {
	Of    string // what, such as "sockets"
	Used  float64
	Limit float64
	Bytes bool // they are bytes
}

// A Share is something of which each address may have a part.
type Share struct {
	Of        string
	Addresses int     // that have any
	Fullest   float64 // which part of what one may have the one has that has the most
}

// A Count is how often something happened.
type Count struct {
	Name string
	N    uint64
}

// A View is what the page shows of one role at one moment.
type View struct {
	Role    string
	Facts   []Fact   // such as where it listens
	Budgets []Budget // what there may be so much of
	Shares  []Share  // what each address may have a part of
	Refused []Count  // by reason
	Dropped []Count  // by reason
	Checks  []Check
}

// A Fact is a line of a [View].
type Fact struct{ Name, Value string }

// OpsConfig says what the operator's port shows.
type OpsConfig struct {
	Name     string // of the operator's port, if it is not an address
	Version  string
	Registry *Registry
	Level    *slog.LevelVar // nil: it cannot be changed
	Refusals *Refusals
	Views    func() []View
	Log      *slog.Logger
}

// An Ops is the operator's port: an [http.Handler].
//
//	/           a page with all of it
//	/metrics    for Prometheus
//	/healthz    200 while the process answers
//	/readyz     200 while it is of use, else 503 and why
//	/loglevel   the level of the log; POST or PUT sets it
//	/debug/pprof/   two at once, for five minutes at most
//
// It is for programs and people near it. A page of another site that a browser
// nearby has open can neither read it, by a name of its own that leads here, nor
// set or start anything.
type Ops struct {
	cfg   OpsConfig // fixed
	began time.Time // fixed
	page  *template.Template
	mux   *http.ServeMux
	sites *http.CrossOriginProtection

	profiles chan struct{} // holds a token for each that is being made
}

// NewOps returns the handler.
func NewOps(cfg OpsConfig) (*Ops, error) {
	o := &Ops{cfg: cfg, began: time.Now(), mux: http.NewServeMux(), sites: http.NewCrossOriginProtection(), profiles: make(chan struct{}, maxProfiles)}
	var err error
	if o.page, err = template.New("ops.html").Funcs(template.FuncMap{"amount": amount, "share": share, "percent": percent, "words": words}).ParseFS(opsFiles, "ops.html"); err != nil {
		return nil, err
	}
	o.mux.HandleFunc("GET /{$}", o.servePage)
	o.mux.HandleFunc("GET /ops.css", o.serveStyle)
	o.mux.Handle("GET /metrics", cfg.Registry.Handler())
	o.mux.HandleFunc("GET /healthz", func(w http.ResponseWriter, _ *http.Request) { _, _ = io.WriteString(w, "ok\n") })
	o.mux.HandleFunc("GET /readyz", o.serveReady)
	o.mux.HandleFunc("GET /loglevel", o.serveLevel)
	o.mux.HandleFunc("POST /loglevel", o.setLevel)
	o.mux.HandleFunc("PUT /loglevel", o.setLevel)
	for path, serve := range map[string]http.HandlerFunc{
		"": pprof.Index, "cmdline": pprof.Cmdline, "profile": pprof.Profile, "symbol": pprof.Symbol, "trace": pprof.Trace,
	} {
		o.mux.HandleFunc("GET "+profilesPath+path, o.profile(serve))
	}
	return o, nil
}

// ServeHTTP implements [http.Handler].
func (o *Ops) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	h := w.Header()
	h.Set("Content-Security-Policy", "default-src 'none'; style-src 'self'; form-action 'self'; base-uri 'none'; frame-ancestors 'none'")
	h.Set("X-Content-Type-Options", "nosniff")
	h.Set("Referrer-Policy", "no-referrer")
	h.Set("Cross-Origin-Resource-Policy", "same-origin")
	h.Set("Cache-Control", "no-store")
	switch {
	case !o.named(r.Host):
		http.Error(w, "this port answers to addresses, and to localhost: a name could be anybody's", http.StatusMisdirectedRequest)
	case o.sites.Check(r) != nil || r.URL.Path != "/" && r.Header.Get("Sec-Fetch-Site") == "cross-site":
		http.Error(w, "pages of other sites may not use this port", http.StatusForbidden)
	default:
		if !strings.HasPrefix(r.URL.Path, profilesPath) {
			_ = http.NewResponseController(w).SetWriteDeadline(time.Now().Add(readTime)) // an error: nothing is sent by a network
		}
		o.mux.ServeHTTP(w, r)
	}
}

const (
	profilesPath = "/debug/pprof/"
	// maxProfiles are made at once: each costs the process, some stop it.
	maxProfiles = 2
	// maxProfiled is for how long one may go on.
	maxProfiled = 5 * time.Minute
	// readTime is how long whoever asks may take to read an answer that is no profile.
	readTime = 15 * time.Second
)

// profile has so many profiles be made at once, and none for ever.
func (o *Ops) profile(serve http.HandlerFunc) http.HandlerFunc {
	return func(w http.ResponseWriter, r *http.Request) {
		if seconds, err := strconv.ParseFloat(r.FormValue("seconds"), 64); err == nil && !(seconds <= maxProfiled.Seconds()) {
			http.Error(w, fmt.Sprintf("seconds=%d at most", int(maxProfiled.Seconds())), http.StatusBadRequest)
			return
		}
		select {
		case o.profiles <- struct{}{}:
			defer func() { <-o.profiles }()
			serve(w, r)
		default:
			w.Header().Set("Retry-After", "10")
			http.Error(w, "others are being made: ask again when they are done", http.StatusServiceUnavailable)
		}
	}
}

// named reports whether a Host header may be that of somebody who means this
// port. A page of another site comes under a name of its own that it has made
// lead here; addresses cannot be made to.
func (o *Ops) named(host string) bool {
	if name, _, err := net.SplitHostPort(host); err == nil {
		host = name
	}
	host = strings.ToLower(strings.Trim(host, "[]"))
	_, err := netip.ParseAddr(host)
	return err == nil || host == "localhost" || host != "" && host == strings.ToLower(o.cfg.Name)
}

// page is what the template sees.
type page struct {
	Version, Go, Level string
	Up                 time.Duration
	Began, Now         time.Time
	Levels             []string // that can be set
	Ready              bool
	Views              []View
	Refusals           []Refusal
}

func (o *Ops) servePage(w http.ResponseWriter, _ *http.Request) {
	now := time.Now()
	p := page{
		Version: o.cfg.Version, Go: runtime.Version(), Level: o.level(), Up: now.Sub(o.began).Round(time.Second), Began: o.began.UTC(), Now: now.UTC(),
		Ready: true, Views: o.cfg.Views(), Refusals: o.cfg.Refusals.Last(),
	}
	if o.cfg.Level != nil {
		p.Levels = []string{"debug", "info", "warn", "error"}
	}
	for _, v := range p.Views {
		p.Ready = p.Ready && well(v.Checks)
	}
	w.Header().Set("Content-Type", "text/html; charset=utf-8")
	if err := o.page.Execute(w, p); err != nil {
		o.cfg.Log.Debug("page not written", "err", err)
	}
}

func (o *Ops) serveStyle(w http.ResponseWriter, r *http.Request) {
	w.Header().Set("Cache-Control", "max-age=600")
	http.ServeFileFS(w, r, opsFiles, "ops.css")
}

// serveReady answers {"ready":…,"roles":{"<role>":[{"name","error"?}…]}}.
func (o *Ops) serveReady(w http.ResponseWriter, _ *http.Request) {
	answer := struct {
		Ready bool               `json:"ready"`
		Roles map[string][]Check `json:"roles"`
	}{true, make(map[string][]Check)}
	for _, v := range o.cfg.Views() {
		answer.Roles[v.Role] = v.Checks
		answer.Ready = answer.Ready && well(v.Checks)
	}
	w.Header().Set("Content-Type", "application/json")
	if !answer.Ready {
		w.WriteHeader(http.StatusServiceUnavailable)
	}
	_ = json.NewEncoder(w).Encode(answer) // whoever asked has gone
}

func well(checks []Check) bool {
	for _, c := range checks {
		if c.Err != "" {
			return false
		}
	}
	return true
}

func (o *Ops) level() string {
	if o.cfg.Level == nil {
		return ""
	}
	return LevelName(o.cfg.Level.Level())
}

func (o *Ops) serveLevel(w http.ResponseWriter, _ *http.Request) {
	_, _ = io.WriteString(w, o.level()+"\n")
}

// setLevel takes the level from the query, a form, or the body itself. Who sent a
// form goes back to the page.
func (o *Ops) setLevel(w http.ResponseWriter, r *http.Request) {
	text := r.URL.Query().Get("level")
	form := strings.HasPrefix(r.Header.Get("Content-Type"), "application/x-www-form-urlencoded")
	body, err := io.ReadAll(http.MaxBytesReader(w, r.Body, 64))
	if err != nil {
		http.Error(w, "the body is no level", http.StatusBadRequest)
		return
	}
	if words := strings.TrimSpace(string(body)); words != "" {
		text = strings.TrimPrefix(words, "level=")
	}
	level, err := ParseLevel(text)
	switch {
	case o.cfg.Level == nil:
		http.Error(w, "the level cannot be changed here", http.StatusConflict)
		return
	case err != nil:
		http.Error(w, err.Error(), http.StatusBadRequest)
		return
	}
	if was := o.cfg.Level.Level(); was != level {
		// At a level that is logged before and after it.
		o.cfg.Log.Log(r.Context(), max(was, level, slog.LevelInfo), "log level set", "from", LevelName(was), "to", LevelName(level))
		o.cfg.Level.Set(level)
	}
	if form && strings.Contains(r.Header.Get("Accept"), "text/html") {
		http.Redirect(w, r, "/", http.StatusSeeOther)
		return
	}
	o.serveLevel(w, r)
}
