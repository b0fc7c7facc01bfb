package client

import (
	"cmp"
	"context"
	"fmt"
	"log/slog"
	"path/filepath"
	"sync"
	"sync/atomic"
	"time"

	"github.com/liberdus/liberdus/nodelist"
)

// A Client calls the nodes of a network. Use [Dial] or [New], and Close it. Its
// methods may be called by several goroutines.
type Client struct {
	// Fixed after New.
	cfg       Config
	log       *slog.Logger
	archivers []*nodelist.Client
	nodes     *records
	pool      *pool

	skewed sync.Once    // warns of a clock
	skew   atomic.Int64 // what an archiver's clock was last ahead of ours
}

// Now is the time by the clock of the archiver that was asked last, or by ours if
// none was, or if they are so far apart that one of them is wrong.
func (c *Client) Now() time.Time {
	skew := time.Duration(c.skew.Load())
	if skew.Abs() > maxClock {
		skew = 0
	}
	return time.Now().Add(skew)
}

// New checks the settings and returns a client that opens a session when a call
// needs one, and no more.
func New(cfg Config) (*Client, error) {
	if err := cfg.Validate(); err != nil {
		return nil, &UsageError{err}
	}
	c := &Client{cfg: cfg, log: cmp.Or(cfg.Log, slog.New(slog.DiscardHandler)), nodes: newRecords()}
	c.cfg.Progress = func(what string) {
		c.log.Debug("waiting", "what", what)
		if cfg.Progress != nil {
			cfg.Progress(what)
		}
	}
	dir, err := cfg.folder(c.log)
	if err != nil {
		return nil, err
	}
	file := "" // in memory
	if dir != "" {
		file = filepath.Join(dir, "archivers.json")
	}
	known, err := nodelist.OpenKnownKeys(file)
	if err != nil {
		return nil, &hopError{hopArchiver, err}
	}
	for _, text := range cfg.Archivers {
		a, err := nodelist.ParseArchiver(text)
		if err != nil {
			return nil, &UsageError{fmt.Errorf("--archiver: %w", err)}
		}
		n := nodelist.NewClient(a, nodelist.ClientConfig{KnownKeys: known, Folder: dir, Log: c.log})
		if w := n.Warning(); w != "" {
			c.log.Warn(w)
		}
		c.archivers = append(c.archivers, n)
	}
	c.pool = newPool(c.connect, c.nodes, c.log)
	return c, nil
}

// Dial returns a client with a session open, and keeps as many open as
// cfg.Sessions says, with different nodes, until Close.
func Dial(ctx context.Context, cfg Config) (*Client, error) {
	c, err := New(cfg)
	if err != nil {
		return nil, err
	}
	if err := c.Connect(ctx); err != nil {
		c.Close()
		return nil, err
	}
	c.Keep()
	return c, nil
}

// Connect opens a session if there is none.
func (c *Client) Connect(ctx context.Context) error {
	ctx, cancel := c.limit(ctx)
	defer cancel()
	return c.pool.connect(ctx)
}

// Keep has sessions opened, with different nodes, and kept open until Close: as
// many as the settings say. It returns at once and is called once. A client of one
// named peer opens its session when a call needs it.
func (c *Client) Keep() {
	if c.cfg.Peer == "" {
		c.pool.keep(c.cfg.Sessions)
	}
}

// Close ends the sessions and what goes on over them, and waits for it.
func (c *Client) Close() { c.pool.close() }

// limit gives a call without a nearer deadline that of the settings.
func (c *Client) limit(ctx context.Context) (context.Context, context.CancelFunc) {
	return context.WithTimeoutCause(ctx, c.cfg.Timeout, fmt.Errorf("not done within %v", c.cfg.Timeout))
}

// A Node is an active node of the network's list.
type Node = nodelist.Node

// Nodes are those of the verified list of one archiver.
type Nodes struct {
	Nodes    []Node `json:"nodes"`
	Archiver string `json:"archiver"` // its URL
}

// Nodes returns the active nodes on the list of the first archiver that answers.
func (c *Client) Nodes(ctx context.Context) (Nodes, error) {
	ctx, cancel := c.limit(ctx)
	defer cancel()
	return firstArchiver(ctx, c, func(ctx context.Context, a *nodelist.Client) (Nodes, error) {
		list, err := a.Active(ctx)
		return Nodes{append([]Node{}, list.Nodes...), a.Archiver().URL}, err // [] rather than null
	})
}

// PeerStat is how a session does.
type PeerStat struct {
	Peer   string        // its peer id
	Trip   time.Duration // of a request and its reply, of late; 0 before the first
	Errors float64       // share of requests that failed, of late
	InHand int           // requests that wait for their replies
	Silent bool          // it has said nothing for longer than it should
}

// Peers returns how the open sessions do.
func (c *Client) Peers() []PeerStat { return c.pool.stats() }
