package client

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"strings"
	"time"

	"github.com/liberdus/liberdus/internal/rpc"
)

// A Request asks for a path of a node's API.
type Request struct {
	Method string          // GET if empty
	Path   string          // such as "account/<id>", with the query if any
	Body   json.RawMessage // nil if there is none
}

// An Answer is what a node answers over HTTP for the same path.
type Answer struct {
	Status int
	// Body is JSON, byte for byte the node's, if ContentType is empty, and the
	// text itself otherwise.
	Body        []byte
	ContentType string
	Peer        string // who answered
}

// never is longer than any request may take.
const never = 24 * time.Hour

// maxReads is to how many sessions a read is given at most.
const maxReads = 4

// Do sends a request and waits for its answer; one with an error status is no
// error of Do. A GET goes to another node where a session is lost, a node is
// slow or has no time. Anything else is sent once, unless it was not sent at all:
// to send a transaction, use Inject. The messages of a chat that are too many for
// one message of a data channel are put together from several.
func (c *Client) Do(ctx context.Context, r Request) (Answer, error) {
	ctx, cancel := c.limit(ctx)
	defer cancel()
	if r.Method == "" {
		r.Method = http.MethodGet
	}
	a, err := c.whole(ctx, rpc.Request{Method: r.Method, URL: strings.TrimPrefix(r.Path, "/"), Body: r.Body})
	if err != nil {
		return Answer{Peer: a.peer}, c.explain(ctx, a, err)
	}
	return answered(a)
}

func (c *Client) do(ctx context.Context, r rpc.Request) (answer, error) {
	if r.Method == http.MethodGet {
		c.pool.pace.read()
		return c.pool.race(ctx, r, c.reading())
	}
	return c.pool.race(ctx, r, c.writing())
}

// reading is the course of what only asks for something.
func (c *Client) reading() course {
	return course{
		most: maxReads, after: c.pool.pace.hedge, spend: c.pool.pace.spend,
		again: func(r result, _ int) (again, same bool) {
			switch {
			case errors.Is(r.err, rpc.ErrClosed):
				return true, true
			case errors.Is(r.err, rpc.ErrTooLarge):
				return false, false
			case r.err != nil:
				return true, false
			}
			return r.Status == http.StatusTooManyRequests || r.Status == http.StatusServiceUnavailable, false
		},
	}
}

// writing is the course of what must not be done twice.
func (c *Client) writing() course {
	return course{
		most: maxReads, after: func() time.Duration { return never }, spend: func() bool { return false },
		again: func(r result, _ int) (again, same bool) { return errors.Is(r.err, rpc.ErrNotSent), true },
	}
}

// ask sends a read and makes an error status a failure at the node.
func (c *Client) ask(ctx context.Context, r rpc.Request) (answer, error) {
	a, err := c.do(ctx, r)
	switch {
	case err != nil:
		return a, c.explain(ctx, a, err)
	case a.Status >= 400:
		return a, atNode("peer %s answers %d: %s", a.peer, a.Status, errorText(a.Body))
	}
	return a, nil
}

// explain says where on the path a request has failed.
func (c *Client) explain(ctx context.Context, a answer, err error) error {
	switch {
	case a.peer == "": // not even connected
		return err
	case errors.Is(err, rpc.ErrClosed):
		return &hopError{"channel", fmt.Errorf("peer %s: %w", a.peer, err)}
	}
	return atNode("peer %s: %w", a.peer, cause(ctx, err))
}

// errorText returns the error of a node's answer, or the answer.
func errorText(body []byte) string {
	var e struct {
		Error string `json:"error"`
	}
	if json.Unmarshal(body, &e) == nil && e.Error != "" {
		return e.Error
	}
	return fmt.Sprintf("%.200s", body)
}

func isNull(raw json.RawMessage) bool {
	return len(raw) == 0 || bytes.Equal(bytes.TrimSpace(raw), []byte("null"))
}
