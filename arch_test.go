package main

import (
	"go/parser"
	"go/token"
	"io/fs"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"testing"
)

const module = "github.com/liberdus/liberdus"

// arrows lists, for each package, the packages of this module that its code
// may import. A new arrow is a design change: it is made here, in the same
// commit. Tests may import what they like.
var arrows = map[string]string{
	".":                   "roles roles/client nodelist internal/config internal/doctor internal/heap internal/ledger internal/signing internal/telemetry internal/version",
	"roles":               "roles/client internal/identity internal/clientip signaling rtc nodelist internal/api internal/certs internal/config internal/feed internal/ledger internal/rpc internal/shardus internal/signing internal/tally internal/telemetry internal/version internal/web",
	"roles/client":        "signaling rtc nodelist internal/identity internal/rpc internal/signing",
	"rtc":                 "signaling internal/binarypack internal/tally",
	"signaling":           "internal/clientip internal/tally",
	"nodelist":            "internal/clientip internal/signing internal/tally",
	"internal/api":        "internal/ledger internal/rpc internal/signing internal/tally",
	"internal/doctor":     "internal/certs internal/config internal/identity internal/signing nodelist rtc signaling",
	"internal/feed":       "internal/ledger internal/rpc",
	"internal/ledger":     "internal/signing internal/tally",
	"internal/rpc":        "",
	"internal/shardus":    "internal/rpc internal/tally",
	"internal/identity":   "rtc internal/signing",
	"internal/signing":    "",
	"internal/certs":      "",
	"internal/clientip":   "",
	"internal/config":     "internal/clientip",
	"internal/heap":       "",
	"internal/tally":      "",
	"internal/telemetry":  "internal/tally",
	"internal/version":    "",
	"internal/release":    "internal/version",
	"internal/web":        "",
	"internal/demo":       "",
	"internal/soak":       "roles/client signaling internal/chart",
	"internal/binarypack": "",
	"bench":               "rtc signaling internal/chart internal/browser internal/api internal/ledger internal/rpc internal/signing",
	// For tests alone. The runner has nothing of ours: it must not share the server's mistakes.
	"signaling/conformance": "",
	"internal/browser":      "",
	"internal/chart":        "",
	"internal/impair":       "",
	"internal/needs":        "",
	"internal/testacme":     "internal/testca",
	"internal/testca":       "",
}

// owners names the only packages that may import a library, tests included.
// bench has references that are built on the same libraries.
var owners = map[string]string{
	"github.com/gorilla/websocket":  "signaling bench signaling/conformance",
	"github.com/pion":               "rtc bench",
	"github.com/BurntSushi/toml":    "internal/config",
	"github.com/urfave/cli":         ".",
	"github.com/cockroachdb/pebble": "internal/ledger",
	"github.com/decred":             "internal/signing",
	"golang.org/x/crypto":           "internal/signing",
	"golang.org/x/term":             "internal/telemetry",
	"github.com/caddyserver":        "internal/certs",
	"go.yaml.in/yaml":               "packaging roles",
	"go.uber.org/zap":               "internal/certs", // certmagic's logger
	"github.com/letsencrypt":        "internal/testacme",
	"github.com/miekg":              "internal/testacme",
	"github.com/chromedp":           "e2e bench internal/browser",
	"github.com/prometheus":         "internal/telemetry",
	"encoding/gob":                  "nobody", // hostile input is JSON, decoded with limits
	"unsafe":                        "nobody",
}

func TestArrows(t *testing.T) {
	seen := map[string]bool{}
	// Parsing here, rather than running go list, lets go test see which files
	// the answer depends on, so a cached pass never hides a new import.
	err := filepath.WalkDir(".", func(path string, d fs.DirEntry, err error) error {
		switch {
		case err != nil:
			return err
		case d.IsDir() && path != "." && (strings.HasPrefix(d.Name(), ".") || slices.Contains([]string{"testdata", "node_modules", "bin", "dist", "liberdus-data"}, d.Name())):
			return filepath.SkipDir
		case d.IsDir() || !strings.HasSuffix(path, ".go"):
			return nil
		}
		f, err := parser.ParseFile(token.NewFileSet(), path, nil, parser.ImportsOnly)
		if err != nil {
			return err
		}
		from, test := filepath.ToSlash(filepath.Dir(path)), strings.HasSuffix(path, "_test.go")
		allowed, known := arrows[from]
		if !known && !test {
			t.Errorf("%s: package %s is not in arrows", path, from)
		}
		seen[from] = true
		for _, spec := range f.Imports {
			to, _ := strconv.Unquote(spec.Path.Value)
			if p, ours := strings.CutPrefix(to, module+"/"); ours {
				if !test && !slices.Contains(strings.Fields(allowed), p) {
					t.Errorf("%s: %s may not import %s", path, from, p)
				}
				continue
			}
			for lib, owner := range owners {
				if strings.HasPrefix(to+"/", lib+"/") && !slices.Contains(strings.Fields(owner), from) {
					t.Errorf("%s: only %s may import %s", path, owner, lib)
				}
			}
		}
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	for p := range arrows {
		if !seen[p] {
			t.Errorf("arrows names %s, which does not exist", p)
		}
	}
}
