package api

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"strconv"
	"strings"
	"time"

	"github.com/liberdus/liberdus/internal/rpc"
)

const (
	maxBody     = 1 << 20          // bytes of a request's body
	httpTimeout = 30 * time.Second // of one request, once it has been read
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
	body, err := io.ReadAll(http.MaxBytesReader(w, r.Body, maxBody))
	if err != nil {
		fault := rpc.Fault(rpc.BadRequest, "body: "+err.Error())
		if _, tooLarge := errors.AsType[*http.MaxBytesError](err); tooLarge {
			fault = rpc.Fault(rpc.TooLarge, fmt.Sprintf("the body has more than %d bytes", maxBody))
		}
		a.write(w, r, fault)
		return
	}
	ctx, cancel := context.WithTimeout(r.Context(), httpTimeout)
	defer cancel()
	method := r.Method
	if method == http.MethodHead {
		method = http.MethodGet
	}
	a.write(w, r, a.Handle(ctx, rpc.Request{URL: target(r), Method: method, Body: body}))
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
		kind = "application/json; charset=utf-8"
	}
	h, body := w.Header(), resp.Body
	h.Set("Content-Type", kind)
	h.Set("Vary", "Accept-Encoding")
	if len(body) >= minZip && acceptsGzip(r.Header.Values("Accept-Encoding")) {
		h.Set("Content-Encoding", "gzip")
		body = a.zip(body)
	}
	h.Set("Content-Length", strconv.Itoa(len(body)))
	w.WriteHeader(resp.Status)
	w.Write(body) // a client that has gone needs no answer
}
