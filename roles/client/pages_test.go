package client_test

import (
	"encoding/json"
	"fmt"
	"slices"
	"strings"
	"testing"
	"testing/synctest"

	"github.com/liberdus/liberdus/roles/client"
)

// The messages of a chat that one reply does not take are put together from
// pages; what a node says that has none, or leads astray, is the refusal.
func TestMessagesInPages(t *testing.T) {
	const path = "messages/ab/17"
	large := `"status":413,"body":{"error":"too large","code":"too-large"}`
	for _, tt := range []struct {
		name  string
		path  string
		says  map[string]string // status and body by path; others are refused as too large
		asked []string
		body  string // "" = the refusal
	}{
		{name: "one reply", path: path, says: map[string]string{path: `"status":200,"body":{"messages":[1]}`}, asked: []string{path}, body: `{"messages":[1]}`},
		{
			name: "three pages", path: path,
			says: map[string]string{
				"messages/ab/17-0": `"status":200,"body":{"messages":[1,{"a":"ü"}],"more":"20-1"}`,
				"messages/ab/20-1": `"status":200,"body":{"messages":["x"],"more":"20-2"}`,
				"messages/ab/20-2": `"status":200,"body":{"messages":[2]}`,
			},
			asked: []string{path, "messages/ab/17-0", "messages/ab/20-1", "messages/ab/20-2"}, body: `{"messages":[1,{"a":"ü"},"x",2]}`,
		},
		{name: "no messages", path: path, says: map[string]string{"messages/ab/17-0": `"status":200,"body":{"messages":[]}`}, asked: []string{path, "messages/ab/17-0"}, body: `{"messages":[]}`},
		{name: "a node without pages", path: path, asked: []string{path, "messages/ab/17-0"}},
		{name: "another answer", path: path, says: map[string]string{"messages/ab/17-0": `"status":200,"body":{"error":"x"}`}, asked: []string{path, "messages/ab/17-0"}},
		{name: "a page that never ends", path: path, says: map[string]string{"messages/ab/17-0": `"status":200,"body":{"messages":[],"more":"17-0"}`}, asked: []string{path, "messages/ab/17-0"}},
		{name: "a page that leads elsewhere", path: path, says: map[string]string{"messages/ab/17-0": `"status":200,"body":{"messages":[1],"more":"../x"}`}, asked: []string{path, "messages/ab/17-0"}},
		{name: "another path", path: "account/17", asked: []string{"account/17"}},
		{name: "a page", path: "messages/ab/17-0", asked: []string{"messages/ab/17-0"}},
	} {
		t.Run(tt.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				w, c := newTown(t, "a")
				n := w.session("a")
				var asked []string
				w.wg.Go(func() {
					for {
						select {
						case <-n.end:
							return
						case msg := <-n.in:
							var r struct{ ID, URL string }
							if err := json.Unmarshal(msg, &r); err != nil {
								t.Error(err)
							}
							asked = append(asked, r.URL)
							reply := tt.says[r.URL]
							if reply == "" {
								reply = large
							}
							n.out <- fmt.Appendf(nil, `{"id":%q,"type":"messages",%s}`, r.ID, reply)
						}
					}
				})
				a, err := c.Do(t.Context(), client.Request{Path: tt.path})
				if err != nil {
					t.Fatal(err)
				}
				if !slices.Equal(asked, tt.asked) {
					t.Errorf("asked for %q, want %q", asked, tt.asked)
				}
				if tt.body == "" {
					if a.Status != 413 || !strings.Contains(string(a.Body), "too-large") {
						t.Errorf("= %d %s, want the refusal", a.Status, a.Body)
					}
				} else if a.Status != 200 || string(a.Body) != tt.body || a.Peer != "a" {
					t.Errorf("= %d %s by %q, want %s", a.Status, a.Body, a.Peer, tt.body)
				}
			})
		})
	}
}
