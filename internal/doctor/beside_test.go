package doctor_test

import (
	"fmt"
	"net/http"
	"net/http/httptest"
	"path/filepath"
	"strings"
	"testing"

	"github.com/liberdus/liberdus/internal/config"
	"github.com/liberdus/liberdus/internal/doctor"
	"github.com/liberdus/liberdus/internal/signing"
	"github.com/liberdus/liberdus/nodelist"
)

// What a node can be that a consensor is to stand beside.
func TestBeside(t *testing.T) {
	path := filepath.Join(t.TempDir(), "secrets.json")
	key, _, err := signing.LoadOrCreateNodeKey(path)
	if err != nil {
		t.Fatal(err)
	}
	own := key.Public()
	network := strings.Repeat("b", 64)
	of := func(status, key, account string) http.HandlerFunc {
		return func(w http.ResponseWriter, r *http.Request) {
			switch r.URL.Path {
			case "/nodeInfo":
				fmt.Fprintf(w, `{"nodeInfo":{"publicKey":%q,"status":%s,"externalPort":9001}}`, key, status)
			case "/account/" + strings.Repeat("0", 64):
				fmt.Fprint(w, account)
			default:
				http.NotFound(w, r)
			}
		}
	}
	info := func(status, key string) http.HandlerFunc {
		return of(status, key, `{"account":{"networkId":"`+network+`"}}`)
	}
	for _, tt := range []struct {
		name string
		node http.HandlerFunc
		want doctor.Status
		part string
	}{
		{"active, of the same key", info(`"active"`, own), doctor.OK, "answers in"},
		{"of another key", info(`"active"`, strings.Repeat("a", 64)), doctor.Warn, own},
		{"joining", info(`"syncing"`, own), doctor.Warn, `not active, but "syncing"`},
		{"whose network stands still", of(`"active"`, own, `{"error":"No account with the given id"}`), doctor.Warn, "account of its network"},
		{"of another network", of(`"active"`, own, `{"account":{"networkId":"`+strings.Repeat("c", 64)+`"}}`), doctor.Fail, `of the network "ccc`},
		{"without its routes yet", http.NotFound, doctor.Fail, "404"},
		{"something else", func(w http.ResponseWriter, _ *http.Request) { fmt.Fprint(w, "<html>") }, doctor.Fail, "not answered as nodes do"},
		{"gone", nil, doctor.Fail, "no answer"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			s := httptest.NewServer(tt.node)
			defer s.Close()
			if tt.node == nil {
				s.Close()
			}
			n := config.Default().Consensor
			n.Data, n.Listen, n.Ledger, n.Node, n.Key = t.TempDir(), "127.0.0.1:0", config.LedgerShardus, s.URL+"/", path
			n.NetworkID = network
			find(t, doctor.Run(t.Context(), doctor.Config{Consensor: &n}), "beside", tt.want, tt.part)
		})
	}
}

// A key file that is named must be there: only the consensor's own is made at its
// first start.
func TestMissingKey(t *testing.T) {
	f := newFake(t)
	s := httptest.NewServer(f)
	defer s.Close()
	n := config.Default().Consensor
	n.Data, n.Listen, n.Key = t.TempDir(), "127.0.0.1:0", filepath.Join(t.TempDir(), "secrets.json")
	r := doctor.Run(t.Context(), doctor.Config{Consensor: &n, Archivers: []nodelist.Archiver{{URL: s.URL, Key: f.key.Public()}}})
	find(t, r, "key", doctor.Fail, "no such file")
}
