// Package web holds what browsers get from an archiver: the module liberdus.js,
// with which a page talks to nodes, its description for TypeScript, and the
// archiver's own page, which is made with the module.
//
// liberdus.js is written to be read; liberdus.min.js is made of it by
// `make module` and is what is served. A test compares the two.
package web

import (
	"bytes"
	"compress/gzip"
	"crypto/sha256"
	"embed"
	"encoding/base64"
	"fmt"
	"net/http"
	"slices"
	"strings"
	"time"
)

//go:embed liberdus.min.js
var module []byte

//go:embed liberdus.d.ts
var types []byte

//go:embed page
var page embed.FS

const (
	// lasting lets a browser ask for a file once in five minutes. Afterwards it
	// asks whether there is another.
	lasting = "public, max-age=300"
	// fresh makes it ask each time: the parts of the page belong together.
	fresh = "no-cache"
)

const (
	script     = "text/javascript; charset=utf-8"
	style      = "text/css; charset=utf-8"
	icon       = "image/svg+xml"
	typescript = "application/typescript; charset=utf-8"
	document   = "text/html; charset=utf-8"
)

// parts are the files of the page beside the page itself, below /page/.
func parts() map[string]string {
	return map[string]string{
		"page.css": style, "icon.svg": icon, "main.js": script, "dom.js": script, "connection.js": script,
		"frames.js": script, "keys.js": script, "tools.js": script, "transactions.js": script, "wallet.js": script,
	}
}

// A file is served as it is, or compressed for those who ask for that.
type file struct {
	kind, cache   string
	plain, packed variant
}

type variant struct {
	data []byte
	tag  string
}

// Files serves the module, its description, and the page. Use [New].
type Files struct {
	byPath map[string]file // fixed
	page   file            // fixed
}

// New prepares the files.
func New() (*Files, error) {
	f := &Files{byPath: make(map[string]file)}
	var err error
	if f.byPath["/liberdus.js"], err = prepare(script, lasting, module); err != nil {
		return nil, err
	}
	if f.byPath["/liberdus.d.ts"], err = prepare(typescript, lasting, types); err != nil {
		return nil, err
	}
	if f.page, err = part("index.html", document); err != nil {
		return nil, err
	}
	for name, kind := range parts() {
		if f.byPath["/page/"+name], err = part(name, kind); err != nil {
			return nil, err
		}
	}
	return f, nil
}

// part prepares a file of the page.
func part(name, kind string) (file, error) {
	data, err := page.ReadFile("page/" + name)
	if err != nil {
		return file{}, fmt.Errorf("web: %w", err)
	}
	return prepare(kind, fresh, data)
}

func prepare(kind, cache string, data []byte) (file, error) {
	packed, err := pack(data)
	if err != nil {
		return file{}, fmt.Errorf("web: %s: %w", kind, err)
	}
	return file{kind, cache, tagged(data), tagged(packed)}, nil
}

// Paths returns the paths of the files, but for that of the page, which the
// archiver chooses.
func Paths() []string {
	paths := []string{"/liberdus.js", "/liberdus.d.ts"}
	for name := range parts() {
		paths = append(paths, "/page/"+name)
	}
	slices.Sort(paths)
	return paths
}

// ServeHTTP answers GET and HEAD for the paths of [Paths], to pages of every
// origin: who imports the module need not be served by the archiver.
func (f *Files) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	file, ok := f.byPath[r.URL.Path]
	if !ok {
		http.NotFound(w, r)
		return
	}
	w.Header().Set("Access-Control-Allow-Origin", "*")
	w.Header().Set("Cross-Origin-Resource-Policy", "cross-origin")
	file.serve(w, r)
}

// ServePage answers with the page. Beside its own origin it may connect to
// sockets alone, a source of a Content-Security-Policy such as
// "wss://archiver.example:6080".
func (f *Files) ServePage(w http.ResponseWriter, r *http.Request, sockets string) {
	h := w.Header()
	h.Set("Content-Security-Policy", "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self'; connect-src 'self' "+sockets+
		"; base-uri 'none'; form-action 'none'; frame-ancestors 'none'; require-trusted-types-for 'script'; trusted-types 'none'")
	h.Set("Cross-Origin-Opener-Policy", "same-origin")
	h.Set("Referrer-Policy", "no-referrer")
	f.page.serve(w, r)
}

// TakesPage reports whether who sent r is a browser that wants to show a page,
// rather than a program that reads text.
func TakesPage(r *http.Request) bool {
	return strings.Contains(strings.ToLower(r.Header.Get("Accept")), "text/html")
}

func (f file) serve(w http.ResponseWriter, r *http.Request) {
	h := w.Header()
	h.Set("X-Content-Type-Options", "nosniff")
	if r.Method != http.MethodGet && r.Method != http.MethodHead {
		h.Set("Allow", "GET, HEAD")
		http.Error(w, "this path is only read", http.StatusMethodNotAllowed)
		return
	}
	h.Set("Content-Type", f.kind)
	h.Set("Cache-Control", f.cache)
	h.Add("Vary", "Accept-Encoding")
	v := f.plain
	if takesGzip(r.Header.Get("Accept-Encoding")) {
		h.Set("Content-Encoding", "gzip")
		v = f.packed
	}
	h.Set("ETag", v.tag)
	http.ServeContent(w, r, "", time.Time{}, bytes.NewReader(v.data))
}

// takesGzip reads an Accept-Encoding header, such as "gzip, deflate;q=0.5".
func takesGzip(header string) bool {
	for part := range strings.SplitSeq(header, ",") {
		name, weight, _ := strings.Cut(strings.TrimSpace(part), ";")
		if strings.EqualFold(strings.TrimSpace(name), "gzip") {
			return strings.Trim(strings.TrimSpace(weight), "q=0.") != "" || weight == ""
		}
	}
	return false
}

func pack(data []byte) ([]byte, error) {
	var buf bytes.Buffer
	z, err := gzip.NewWriterLevel(&buf, gzip.BestCompression)
	if err != nil {
		return nil, err
	}
	if _, err := z.Write(data); err != nil {
		return nil, err
	}
	if err := z.Close(); err != nil {
		return nil, err
	}
	return buf.Bytes(), nil
}

// tagged returns data with its ETag: what is compressed needs one of its own.
func tagged(data []byte) variant {
	sum := sha256.Sum256(data)
	return variant{data, `"` + base64.RawURLEncoding.EncodeToString(sum[:12]) + `"`}
}
