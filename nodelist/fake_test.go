package nodelist_test

import (
	"bytes"
	"io"
	"log/slog"
	"net/http"
	"testing"
	"time"

	"github.com/liberdus/liberdus/internal/signing"
	"github.com/liberdus/liberdus/nodelist"
)

// A fake is an archiver that says what a test wants it to say.
type fake struct {
	t     testing.TB
	key   *signing.NodeKey
	ahead time.Duration // its clock
	epoch int
	nodes []any

	// What a test alters: an object before and after it is signed, or the text.
	rtc, list, signed func(o signing.Object)
	text              func(path string, text []byte) (int, []byte)
	joined            signing.Object // the last join that came
}

func newFake(t testing.TB) *fake {
	return &fake{t: t, key: keyOf(1000), epoch: 7, nodes: []any{entryOf(1), entryOf(2)}}
}

func entryOf(n int) signing.Object {
	key := keyOf(n).Public()
	return signing.Object{
		"id": nodelist.NodeID(key), "ip": "192.0.2.1", "peerId": key, "port": float64(9000 + n), "publicKey": key,
	}
}

func (f *fake) now() float64 { return float64(time.Now().Add(f.ahead).UnixMilli()) }

func (f *fake) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	var o signing.Object
	switch r.URL.Path {
	case "/rtc":
		o = signing.Object{
			"rtc": signing.Object{
				"port": 6080.0, "path": "/liberdus-peer", "key": "liberdus", "secure": false, "iceServers": []any{},
			},
			"networkId": networkA, "time": f.now(), "nonce": r.URL.Query().Get("nonce"), "purpose": "liberdus-rtc",
		}
		apply(f.rtc, o)
	case "/nodelist", "/full-nodelist":
		kind := "active"
		if r.URL.Path == "/nodelist" {
			body, _ := io.ReadAll(r.Body)
			f.joined, _ = signing.ParseObject(body)
			kind = "sample"
		}
		o = signing.Object{
			"nodeList": f.nodes, "networkId": networkA, "time": f.now(), "epoch": float64(f.epoch), "list": kind,
		}
		apply(f.list, o)
	default:
		http.NotFound(w, r)
		return
	}
	o, err := f.key.Sign(o)
	if err != nil {
		f.t.Error(err)
	}
	apply(f.signed, o)
	status, text := http.StatusOK, signing.MustCanonical(o)
	if f.text != nil {
		status, text = f.text(r.URL.Path, text)
	}
	w.WriteHeader(status)
	_, _ = w.Write(text)
}

func apply(change func(signing.Object), o signing.Object) {
	if change != nil {
		change(o)
	}
}

// clientOf returns a client of what h serves, without a network. Its URL is
// that of a host called archiver.
func clientOf(h http.Handler, pin string, known *nodelist.KnownKeys) *nodelist.Client {
	return nodelist.NewClient(nodelist.Archiver{URL: "http://archiver:6080", Key: pin}, nodelist.ClientConfig{
		HTTP: &http.Client{Transport: transport{h}}, KnownKeys: known,
	})
}

// clientWithLog is clientOf with a log to look at.
func clientWithLog(h http.Handler, known *nodelist.KnownKeys) (*nodelist.Client, *bytes.Buffer) {
	logs := new(bytes.Buffer)
	return nodelist.NewClient(nodelist.Archiver{URL: "http://archiver:6080"}, nodelist.ClientConfig{
		HTTP: &http.Client{Transport: transport{h}}, KnownKeys: known, Log: slog.New(slog.NewTextHandler(logs, nil)),
	}), logs
}

// openKnown opens the file at path.
func openKnown(t testing.TB, path string) *nodelist.KnownKeys {
	t.Helper()
	known, err := nodelist.OpenKnownKeys(path)
	if err != nil {
		t.Fatal(err)
	}
	return known
}
