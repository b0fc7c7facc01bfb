package api

import (
	"context"
	"net"
	"net/http"
	"net/netip"
	"strconv"
	"strings"
	"time"

	"github.com/liberdus/liberdus/internal/rpc"
)

const (
	httpTimeout = 30 * time.Second // of one request, once it has been read
	jsonType    = "application/json; charset=utf-8"
	awayRetry   = 5 * time.Second // after which what cannot be used may be back
)

// ServeHTTP is the HTTP door: the same paths, statuses and bodies as over a
// data channel. Any web page may call it (CORS *).
func (a *API) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	h := w.Header()
	h.Set("Access-Control-Allow-Origin", "*")
	if r.Method == http.MethodOptions {
		h.Set("Access-Control-Allow-Methods", "GET,HEAD,PUT,PATCH,POST,DELETE")
		if want := r.Header.Get("Access-Control-Request-Headers"); want != "" {
			h.Set("Access-Control-Allow-Headers", want)
		}
		w.WriteHeader(http.StatusNoContent)
		return
	}
	ctx, cancel := context.WithTimeout(rpc.WithCaller(r.Context(), a.caller(r)), httpTimeout)
	defer cancel()
	resp := a.answerHTTP(ctx, w, r)
	if resp.Limit != "" {
		a.limited(whoIs(ctx, r), resp.Limit)
	}
	a.write(w, r, a.count(DoorHTTP, resp))
}

// answerHTTP finds the route first: what has none, or wants no body, is
// answered without reading one.
func (a *API) answerHTTP(ctx context.Context, w http.ResponseWriter, r *http.Request) rpc.Response {
	req := rpc.Request{URL: target(r), Method: r.Method}
	if r.Method == http.MethodHead {
		req.Method = http.MethodGet
	}
	f, fault := a.find(req)
	if fault != nil {
		return *fault
	}
	if f.wantsBody() {
		b, fault := a.readBody(ctx, w, r)
		defer b.release()
		if fault != nil {
			return *fault
		}
		req.Body = b.text
	}
	return a.answer(ctx, f, req)
}

// Callers has requests over HTTP counted under the addresses that of returns,
// where an address has its share of something; the zero Addr is not counted. It
// comes before the first request.
func (a *API) Callers(of func(*http.Request) netip.Addr) { a.caller = of }

// Limited has told be told of each request over HTTP that a limit has refused:
// whose address, and by which. It comes before the first request, and many
// goroutines call told at once.
func (a *API) Limited(told func(who string, by rpc.Limit)) { a.limited = told }

// whoIs is the address under which a request counts, or else that of its connection.
func whoIs(ctx context.Context, r *http.Request) string {
	if place := rpc.CallerOf(ctx); place.IsValid() {
		return place.String()
	}
	host, _, err := net.SplitHostPort(r.RemoteAddr)
	if err != nil {
		return ""
	}
	return host
}

// target is what a data channel's request has for its url: the request's own
// words, or, of one that names the host, too, those for the path.
func target(r *http.Request) string {
	if path, found := strings.CutPrefix(r.RequestURI, "/"); found {
		return path
	}
	return strings.TrimPrefix(r.URL.RequestURI(), "/")
}

func (a *API) write(w http.ResponseWriter, r *http.Request, resp rpc.Response) {
	kind := resp.ContentType
	if kind == "" {
		kind = jsonType
	}
	h, body := w.Header(), resp.Body
	h.Set("Content-Type", kind)
	h.Set("Vary", "Accept-Encoding")
	if len(body) >= minZip && acceptsGzip(r.Header.Values("Accept-Encoding")) {
		h.Set("Content-Encoding", "gzip")
		body = a.zip(body)
	}
	if after := retryAfter(resp); after > 0 {
		h.Set("Retry-After", strconv.Itoa(after))
		h.Set("Access-Control-Expose-Headers", "Retry-After")
	}
	h.Set("Content-Length", strconv.Itoa(len(body)))
	w.WriteHeader(resp.Status)
	w.Write(body) // a client that has gone needs no answer
}

// retryAfter returns how many seconds who got resp is to wait, or 0.
func retryAfter(resp rpc.Response) int {
	d := resp.RetryAfter
	if d == 0 && resp.Status == http.StatusServiceUnavailable {
		d = awayRetry
	}
	return int((d + time.Second - 1) / time.Second) // a moment is a second
}
