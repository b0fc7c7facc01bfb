package roles

import (
	"context"
	"log/slog"
	"net/http"
	"slices"
	"time"

	"github.com/liberdus/liberdus/roles/client"
)

const (
	outageLook  = time.Second      // between two looks at the sessions
	outageRetry = 10 * time.Second // between two questions to nodes while none can be reached
)

// An outage is the time in which no node can be reached. Its begin and its end are
// logged once each, whether or not anybody asks the gateway meanwhile.
type outage struct {
	// Fixed.
	c   *client.Client
	log *slog.Logger
	// told gets why no node can be reached, nil when one can; run calls it.
	told func(error)

	// Owned by run.
	since time.Time // of the outage; zero while there is none
	asked time.Time // when nodes were asked last
}

// run looks at the sessions until ctx ends. None is no proof: the nodes are asked
// before it is said that there is no way to them.
func (o *outage) run(ctx context.Context) {
	look := time.NewTicker(outageLook)
	defer look.Stop()
	for {
		select {
		case <-ctx.Done():
			return
		case <-look.C:
		}
		switch {
		case o.usable():
			o.ends()
		case o.since.IsZero() || time.Since(o.asked) >= outageRetry:
			o.ask(ctx)
		}
	}
}

// usable reports whether there is a session that is not silent.
func (o *outage) usable() bool {
	return slices.ContainsFunc(o.c.Peers(), func(s client.PeerStat) bool { return !s.Silent })
}

func (o *outage) ask(ctx context.Context) {
	_, err := o.c.Do(ctx, client.Request{Method: http.MethodGet, Path: "is-healthy"})
	o.asked = time.Now()
	switch {
	case ctx.Err() != nil:
	case err == nil || o.usable():
		o.ends()
	default:
		o.begins(err)
	}
}

func (o *outage) begins(err error) {
	if !o.since.IsZero() {
		return
	}
	o.since = time.Now()
	o.told(err)
	o.log.Warn("no node can be reached: requests are answered with 503 until one can", "hop", client.Hop(err), "err", err)
}

func (o *outage) ends() {
	if o.since.IsZero() {
		return
	}
	o.log.Info("a node can be reached again", "after", time.Since(o.since).Round(time.Second).String())
	o.since = time.Time{}
	o.told(nil)
}
