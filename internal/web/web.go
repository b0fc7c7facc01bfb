// Package web holds what browsers get from an archiver: the module liberdus.js,
// with which a page talks to nodes, and its description for TypeScript.
//
// liberdus.js is written to be read; liberdus.min.js is made of it by
// `make module` and is what is served. A test compares the two.
package web

import (
	"bytes"
	"compress/gzip"
	"crypto/sha256"
	_ "embed" // the files below
	"encoding/base64"
	"fmt"
	"net/http"
	"strings"
	"time"
)

//go:embed liberdus.min.js
var module []byte

//go:embed liberdus.d.ts
var types []byte

// maxAge is for how many seconds a browser asks for a file only once. Afterwards
// it asks whether there is another.
const maxAge = 300

// A file is served as it is, or compressed for those who ask for that.
type file struct {
	kind          string
	plain, packed variant
}

type variant struct {
	data []byte
	tag  string
}

// Files serves the module and its description. Use [New].
type Files struct {
	byPath map[string]file // fixed
}

// New prepares the files.
func New() (*Files, error) {
	f := &Files{byPath: make(map[string]file)}
	for path, content := range map[string]struct {
		kind string
		data []byte
	}{
		"/liberdus.js":   {"text/javascript; charset=utf-8", module},
		"/liberdus.d.ts": {"application/typescript; charset=utf-8", types},
	} {
		packed, err := pack(content.data)
		if err != nil {
			return nil, fmt.Errorf("web: %s: %w", path, err)
		}
		f.byPath[path] = file{content.kind, tagged(content.data), tagged(packed)}
	}
	return f, nil
}

// Paths returns the paths of the files.
func Paths() []string { return []string{"/liberdus.js", "/liberdus.d.ts"} }

// ServeHTTP answers GET and HEAD for the paths of [Paths], to pages of every
// origin: who imports the module need not be served by the archiver.
func (f *Files) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	file, ok := f.byPath[r.URL.Path]
	if !ok {
		http.NotFound(w, r)
		return
	}
	h := w.Header()
	h.Set("Access-Control-Allow-Origin", "*")
	h.Set("Cross-Origin-Resource-Policy", "cross-origin")
	h.Set("X-Content-Type-Options", "nosniff")
	if r.Method != http.MethodGet && r.Method != http.MethodHead {
		h.Set("Allow", "GET, HEAD")
		http.Error(w, "this path is only read", http.StatusMethodNotAllowed)
		return
	}
	h.Set("Content-Type", file.kind)
	h.Set("Cache-Control", fmt.Sprintf("public, max-age=%d", maxAge))
	h.Set("Vary", "Accept-Encoding")
	v := file.plain
	if takesGzip(r.Header.Get("Accept-Encoding")) {
		h.Set("Content-Encoding", "gzip")
		v = file.packed
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
