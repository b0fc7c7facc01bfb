package shardus

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"mime"
	"net"
	"net/http"
	"net/http/httptrace"
	"net/url"
	"time"

	"github.com/liberdus/liberdus/internal/rpc"
)

// errTooLarge says that an answer is over Config.MaxAnswer.
var errTooLarge = errors.New("the node's answer is too large")

// Do asks the node for the caller of ctx, and returns its own answer, unchanged,
// or a fault. The path begins with a slash and needs no escapes. A nil body is
// none.
func (n *Node) Do(ctx context.Context, method, path string, body []byte) rpc.Response {
	if method == http.MethodGet {
		return n.do(ctx, n.reads, method, path, body)
	}
	return n.do(ctx, n.injects, method, path, body)
}

// Look reads what the node has at path, for this node itself: callers do not
// hold it up.
func (n *Node) Look(ctx context.Context, path string) rpc.Response {
	return n.do(ctx, n.own, http.MethodGet, path, nil)
}

func (n *Node) do(ctx context.Context, d door, method, path string, body []byte) rpc.Response {
	ctx, cancel := context.WithTimeout(ctx, n.cfg.Timeout)
	defer cancel()
	resp, err := n.enter(ctx, d, method, path, body)
	n.counts.end(err, ctx.Err() != nil)
	if err == nil {
		return resp
	}
	n.log.Debug("no answer", "method", method, "path", path, "err", err)
	switch {
	case errors.Is(err, errBusy): // it was not sent
		return rpc.FaultAfter("too many requests wait for the node", time.Second).By(rpc.LimitNode)
	case errors.Is(err, errTooLarge):
		return rpc.Fault(rpc.TooLarge, fmt.Sprintf("the node's answer has more than %d bytes", n.cfg.MaxAnswer))
	case ctx.Err() != nil:
		return rpc.Fault(rpc.Timeout, "the node did not finish in time")
	}
	return rpc.Fault(rpc.Unavailable, "the node did not answer")
}

// enter asks when there is a place.
func (n *Node) enter(ctx context.Context, d door, method, path string, body []byte) (rpc.Response, error) {
	place := rpc.CallerOf(ctx)
	if err := d.lane.enter(ctx, place); err != nil {
		return rpc.Response{}, err
	}
	defer d.lane.leave(place)
	defer n.counts.took[d.way].Since(time.Now())
	return n.ask(ctx, d, method, path, body)
}

// ask sends a request. A GET whose connection broke is sent again, once, on
// another: reading twice does no harm. Whatever else was sent may have been
// done, and is not sent again.
func (n *Node) ask(ctx context.Context, d door, method, path string, body []byte) (rpc.Response, error) {
	resp, tries, err := n.try(ctx, d, method, path, body)
	if err == nil || method != http.MethodGet || tries != 1 || ctx.Err() != nil || errors.Is(err, errTooLarge) || isDial(err) {
		return resp, err
	}
	resp, _, err = n.try(ctx, d, method, path, body)
	return resp, err
}

// try sends a request and reads the answer. It returns on how many connections
// the request was: the transport itself may have found that an idle one had been
// closed, and used another.
func (n *Node) try(ctx context.Context, d door, method, path string, body []byte) (_ rpc.Response, tries int, err error) {
	ctx = httptrace.WithClientTrace(ctx, &httptrace.ClientTrace{GotConn: func(httptrace.GotConnInfo) { tries++ }})
	req := (&http.Request{
		Method: method, URL: &url.URL{Scheme: n.base.Scheme, Host: n.base.Host, Path: path},
		Host: n.base.Host, Proto: "HTTP/1.1", ProtoMajor: 1, ProtoMinor: 1,
		Header: http.Header{"User-Agent": {"liberdus"}, "Accept": {"application/json"}},
	}).WithContext(ctx)
	if body != nil {
		req.Header["Content-Type"] = []string{"application/json"}
		req.Body, req.ContentLength = io.NopCloser(bytes.NewReader(body)), int64(len(body))
	}
	resp, err := d.transport.RoundTrip(req)
	if err != nil {
		return rpc.Response{}, tries, err
	}
	defer resp.Body.Close()
	text, err := n.read(resp)
	if err != nil {
		return rpc.Response{}, tries, err
	}
	return answer(resp, text), tries, nil
}

// read returns the body of an answer. One that is too large is not read to its
// end, and its connection is not used again.
func (n *Node) read(resp *http.Response) ([]byte, error) {
	size, most := resp.ContentLength, int64(n.cfg.MaxAnswer)
	switch {
	case resp.StatusCode < 200 || resp.StatusCode > 599:
		return nil, fmt.Errorf("status %d is none of an answer", resp.StatusCode)
	case size > most:
		return nil, errTooLarge
	case size >= 0:
		text := make([]byte, size)
		_, err := io.ReadFull(resp.Body, text)
		return text, err
	}
	text, err := io.ReadAll(io.LimitReader(resp.Body, most+1))
	if err == nil && int64(len(text)) > most {
		err = errTooLarge
	}
	return text, err
}

// answer makes of the node's answer what both doors carry. On a data channel
// JSON is part of the message, so what only claims to be JSON travels as text.
func answer(resp *http.Response, text []byte) rpc.Response {
	kind := resp.Header.Get("Content-Type")
	switch media, _, err := mime.ParseMediaType(kind); {
	case kind == "":
		kind = "application/octet-stream"
	case err == nil && media == "application/json" && json.Valid(text):
		r := rpc.Encoded(text)
		r.Status = resp.StatusCode
		return r
	}
	return rpc.Response{Status: resp.StatusCode, Body: text, ContentType: kind}
}

// isDial reports whether no connection could be made: there is no other to try.
func isDial(err error) bool {
	op, ok := errors.AsType[*net.OpError](err)
	return ok && op.Op == "dial"
}
