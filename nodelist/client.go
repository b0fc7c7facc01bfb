package nodelist

import (
	"cmp"
	"context"
	"errors"
	"log/slog"
	"net/http"
	"strings"
	"sync"
	"time"

	"github.com/liberdus/liberdus/internal/signing"
)

// ErrNotArchiver is wrapped by an error of [Client.RTC] when the URL answers
// 404 where an archiver says how to connect, and no key is pinned or remembered
// for it. It may be a bare PeerJS server.
var ErrNotArchiver = errors.New("not an archiver of this kind: it has no /rtc")

// Refused is an archiver's refusal of a join.
type Refused struct {
	Reason string // its words
}

func (e *Refused) Error() string { return "refused: " + e.Reason }

// An ArchiverError is what each method of a [Client] returns when it fails.
type ArchiverError struct {
	URL string
	Err error
}

func (e *ArchiverError) Error() string { return "archiver " + e.URL + ": " + e.Err.Error() }
func (e *ArchiverError) Unwrap() error { return e.Err }

// Hop names the stretch of the way to a node that failed.
func (e *ArchiverError) Hop() string { return "archiver" }

// ClientConfig is what [NewClient] needs beside the archiver.
type ClientConfig struct {
	// HTTP makes the requests. Nil means one over [http.DefaultTransport].
	// Redirects are not followed either way.
	HTTP *http.Client
	// Timeout bounds one request. Zero means 10 s.
	Timeout time.Duration
	// KnownKeys remembers keys and epochs. Nil means in memory.
	KnownKeys *KnownKeys
	// Folder is where the latest list is kept, see [Client.Kept]; it must exist.
	// Empty means nowhere.
	Folder string
	// Log gets warnings. Nil means nobody.
	Log *slog.Logger
}

const defaultTimeout = 10 * time.Second

// A Client fetches from one archiver and believes nothing that is not signed by
// its key, fresh, and of the kind asked for. Use [NewClient]. Its methods may be
// called from any goroutine.
type Client struct {
	archiver Archiver // fixed, like all up to log
	folder   string
	files    turn // in folder
	http     http.Client
	timeout  time.Duration
	known    *KnownKeys
	log      *slog.Logger
	warned   sync.Once

	mu       sync.Mutex
	anchor   *anchor // guarded by mu; nil before the first /rtc
	lastJoin int64   // guarded by mu; unix milliseconds
}

// NewClient returns a Client of the archiver. It asks nothing yet.
func NewClient(a Archiver, cfg ClientConfig) *Client {
	c := &Client{
		archiver: Archiver{URL: strings.TrimRight(a.URL, "/"), Key: strings.ToLower(a.Key)},
		folder:   cfg.Folder,
		files:    newTurn(),
		timeout:  cmp.Or(cfg.Timeout, defaultTimeout),
		known:    cmp.Or(cfg.KnownKeys, &KnownKeys{turn: newTurn()}),
		log:      cmp.Or(cfg.Log, slog.New(slog.DiscardHandler)),
	}
	c.log = c.log.With("part", "nodelist", "archiver", c.archiver.URL)
	if cfg.HTTP != nil {
		c.http = *cfg.HTTP
	}
	c.http.CheckRedirect = func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse }
	return c
}

// Archiver returns what the client was made for.
func (c *Client) Archiver() Archiver { return c.archiver }

// Warning says what is at risk with this archiver, "" if nothing is.
func (c *Client) Warning() string {
	if !c.archiver.exposed() {
		return ""
	}
	return c.archiver.URL + " is plain http and its key is not pinned: until the key is first seen, whoever is " +
		"on the way can pose as the archiver and list nodes of their own; give its key as " +
		c.archiver.URL + "#PUBLICKEY, or use https"
}

// fail makes err an error of this archiver.
func (c *Client) fail(err error) error {
	if err == nil {
		return nil
	}
	return &ArchiverError{URL: c.archiver.URL, Err: err}
}

// Info is what a fresh, signed answer tells about an archiver.
type Info struct {
	// Key is the archiver's public key.
	Key string
	// NetworkID is "" as long as no node was ever active.
	NetworkID string
	// Time is the archiver's clock, Skew what to add to ours to get it; half
	// the time that the request took is uncertain.
	Time time.Time
	Skew time.Duration
}

// An anchor ties the archiver's clock to ours.
type anchor struct {
	Info
	rtc   RTC
	at    time.Time // our clock when the archiver's was Info.Time
	doc   signing.Object
	nonce string // of doc
}

// now returns the archiver's clock. Time that passes counts by whichever of the
// wall and the monotonic clock saw more of it: neither a wall clock set back
// nor a machine that slept makes an old list look fresh.
func (a *anchor) now() time.Time {
	now := time.Now()
	return a.Time.Add(max(now.Sub(a.at), now.Round(0).Sub(a.at.Round(0))))
}

// RTC asks how to connect to the archiver's signalling server. The answer is
// signed for this request, with Host filled in. ErrNotArchiver is in the error
// if the URL is that of something else.
func (c *Client) RTC(ctx context.Context) (RTC, Info, error) {
	a, err := c.reanchor(ctx)
	if err != nil {
		return RTC{}, Info{}, c.fail(err)
	}
	return a.rtc, a.Info, nil
}

// anchored returns the anchor, asking for it first if there is none.
func (c *Client) anchored(ctx context.Context) (*anchor, error) {
	c.mu.Lock()
	a := c.anchor
	c.mu.Unlock()
	if a != nil {
		return a, nil
	}
	return c.reanchor(ctx)
}

func (c *Client) reanchor(ctx context.Context) (*anchor, error) {
	a, err := c.fetchRTC(ctx)
	if err != nil {
		return nil, err
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	c.anchor = a
	return a, nil
}
