package nodelist

import (
	"errors"
	"io"
	"math/rand/v2"
	"net/http"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/liberdus/liberdus/internal/signing"
)

// maxBody is the largest request body read, in bytes.
const maxBody = 64 << 10

var nonceForm = regexp.MustCompile(`^[A-Za-z0-9_-]{16,64}$`)

// paths are what a List serves.
var paths = [...]string{
	"/nodelist", "/full-nodelist", "/archivers", "/nodeInfo", "/status",
	"/is-alive", "/is-healthy", "/myip", "/peerids", "/rtc",
}

// Paths returns the paths that [List.Handler] serves, for mounting it beside
// other handlers. None ends in a slash.
func Paths() []string { return slices.Clone(paths[:]) }

// Handler serves the archiver's HTTP interface, with CORS for every origin.
func (l *List) Handler() http.Handler { return l.handler }

func (l *List) routes() http.Handler {
	mux := http.NewServeMux()
	mux.HandleFunc("POST /nodelist", l.serveJoin)
	mux.HandleFunc("GET /nodelist", func(w http.ResponseWriter, _ *http.Request) { l.serveSample(w) })
	mux.HandleFunc("GET /full-nodelist", l.serveFull)
	mux.HandleFunc("GET /peerids", l.servePeerIDs)
	mux.HandleFunc("GET /rtc", l.serveRTC)
	mux.HandleFunc("GET /archivers", func(w http.ResponseWriter, _ *http.Request) { send(w, 200, l.docs.Load().archivers) })
	mux.HandleFunc("GET /status", func(w http.ResponseWriter, _ *http.Request) { send(w, 200, l.docs.Load().status) })
	mux.HandleFunc("GET /nodeInfo", l.serveNodeInfo)
	mux.HandleFunc("GET /myip", l.serveMyIP)
	mux.HandleFunc("GET /is-alive", serveOK)
	mux.HandleFunc("GET /is-healthy", serveOK)
	for _, path := range paths {
		mux.HandleFunc("OPTIONS "+path, servePreflight)
	}
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		w.Header().Set("Access-Control-Allow-Origin", "*")
		mux.ServeHTTP(w, r)
	})
}

func servePreflight(w http.ResponseWriter, _ *http.Request) {
	h := w.Header()
	h.Set("Access-Control-Allow-Methods", "GET, HEAD, POST, OPTIONS")
	h.Set("Access-Control-Allow-Headers", "Content-Type")
	h.Set("Access-Control-Max-Age", "86400")
	w.WriteHeader(http.StatusNoContent)
}

func serveOK(w http.ResponseWriter, _ *http.Request) {
	w.Header().Set("Content-Type", "text/plain; charset=utf-8")
	_, _ = io.WriteString(w, "OK")
}

// serveJoin answers POST /nodelist. A refusal has HTTP status 200, as nodes
// expect of an archiver.
func (l *List) serveJoin(w http.ResponseWriter, r *http.Request) {
	text, err := io.ReadAll(http.MaxBytesReader(w, r.Body, maxBody))
	from := l.doors.Load().clientAddr(r)
	if _, ok := errors.AsType[*http.MaxBytesError](err); ok {
		l.refuse(from, RefusedForm)
		sendError(w, http.StatusRequestEntityTooLarge, "the body is larger than "+strconv.Itoa(maxBody)+" bytes")
		return
	}
	if err != nil {
		l.refuse(from, RefusedForm)
		sendError(w, http.StatusBadRequest, "the body could not be read")
		return
	}
	if len(text) == 0 {
		l.refuse(from, RefusedForm)
		sendError(w, http.StatusOK, "input is undefined")
		return
	}
	body, err := signing.Parse(text)
	if err != nil {
		l.refuse(from, RefusedForm)
		sendError(w, http.StatusBadRequest, "the body is not JSON: "+strings.TrimPrefix(err.Error(), "signing: "))
		return
	}
	switch err := l.join(body, from); {
	case err == nil:
		l.counts.joined.Add(1)
	case !errors.Is(err, errNotOurs):
		l.refuse(from, whyOf(err))
		l.log.Debug("join refused", "from", r.RemoteAddr, "reason", err)
		sendError(w, http.StatusOK, err.Error())
		return
	}
	l.serveSample(w)
}

func (l *List) serveSample(w http.ResponseWriter) {
	send(w, http.StatusOK, anyOf(l.docs.Load().samples))
}

// serveFull answers GET /full-nodelist. A flag counts if it is exactly true.
func (l *List) serveFull(w http.ResponseWriter, r *http.Request) {
	query, kind := r.URL.Query(), kindFull
	switch {
	case query.Get("activeOnly") == "true":
		kind = kindActive
	case query.Get("syncingOnly") == "true":
		kind = kindSyncing
	case query.Get("standbyOnly") == "true":
		kind = kindStandby
	}
	send(w, http.StatusOK, l.docs.Load().lists[kind])
}

// servePeerIDs answers GET /peerids[?count=N].
func (l *List) servePeerIDs(w http.ResponseWriter, r *http.Request) {
	count := 0
	if query := r.URL.Query(); query.Has("count") {
		var err error
		count, err = strconv.Atoi(query.Get("count"))
		if err != nil || count < 1 || count > maxSample {
			sendError(w, http.StatusBadRequest, "count must be a whole number from 1 to "+strconv.Itoa(maxSample))
			return
		}
	}
	send(w, http.StatusOK, anyOf(l.docs.Load().peerIDs[count]))
}

// serveRTC answers GET /rtc[?nonce=…]. With a nonce the answer is signed now,
// which shows that it is fresh.
func (l *List) serveRTC(w http.ResponseWriter, r *http.Request) {
	docs, query := l.docs.Load(), r.URL.Query()
	if !query.Has("nonce") {
		send(w, http.StatusOK, docs.rtc)
		return
	}
	nonce := query.Get("nonce")
	if !nonceForm.MatchString(nonce) {
		sendError(w, http.StatusBadRequest, "nonce must be 16 to 64 letters, digits, - or _")
		return
	}
	s := &signer{key: l.cfg.Key}
	text := s.text(l.rtcObject(docs.networkID, nonce, time.Now()))
	if s.err != nil {
		l.log.Error("rtc not signed", "err", s.err)
		sendError(w, http.StatusInternalServerError, "the answer could not be signed")
		return
	}
	send(w, http.StatusOK, text)
}

func (l *List) serveNodeInfo(w http.ResponseWriter, _ *http.Request) {
	send(w, http.StatusOK, signing.MustCanonical(signing.Object{
		"publicKey": l.cfg.Key.Public(),
		"ip":        l.cfg.IP,
		"port":      float64(l.cfg.Port),
		"version":   l.cfg.Version,
		"time":      float64(time.Now().UnixMilli()),
	}))
}

func (l *List) serveMyIP(w http.ResponseWriter, r *http.Request) {
	ip := ""
	if addr := l.doors.Load().clientAddr(r); addr.IsValid() {
		ip = addr.String()
	}
	send(w, http.StatusOK, signing.MustCanonical(signing.Object{"ip": ip}))
}

func anyOf(texts [][]byte) []byte { return texts[rand.IntN(len(texts))] }

func sendError(w http.ResponseWriter, status int, reason string) {
	send(w, status, signing.MustCanonical(signing.Object{"success": false, "error": reason}))
}

func send(w http.ResponseWriter, status int, text []byte) {
	h := w.Header()
	h.Set("Content-Type", "application/json; charset=utf-8")
	h.Set("Content-Length", strconv.Itoa(len(text)))
	h.Set("Cache-Control", "no-store") // old lists are refused
	w.WriteHeader(status)
	_, _ = w.Write(text) // a peer that went away is no fault of ours
}
