package roles_test

import (
	"os"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/liberdus/liberdus/internal/config"
	"github.com/liberdus/liberdus/roles"
)

// The keys that can change are those of the tables, and reload.md has the same.
func TestWhatCanChange(t *testing.T) {
	text, err := os.ReadFile("../docs/operations/reload.md")
	if err != nil {
		t.Fatal(err)
	}
	for _, tt := range []struct {
		role  string
		keys  []string
		table any
	}{
		{"archiver", roles.ArchiverChanges, config.Archiver{}},
		{"consensor", roles.ConsensorChanges, config.Consensor{}},
		{"gateway", roles.GatewayChanges, config.Gateway{}},
	} {
		for _, key := range tt.keys {
			if !slices.Contains(config.Keys(tt.table), key) {
				t.Errorf("%s has no key %s", tt.role, key)
			}
		}
		if row := "| " + tt.role + " | `" + strings.Join(tt.keys, "` `") + "` |"; !strings.Contains(string(text), row) {
			t.Errorf("docs/operations/reload.md lacks the row\n%s", row)
		}
	}
}

// A node whose key is no longer allowed leaves the list.
func TestReloadOfAllowedNodes(t *testing.T) {
	d := startDevnet(t, 2)
	cfg := roles.Settings(d.Archiver)
	cfg.AllowNode = []string{d.Consensors[0].PeerID()}
	changed, err := d.Archiver.Reload(cfg)
	if err != nil || !slices.Equal(changed, []string{"allow_node"}) {
		t.Fatalf("Reload = %q, %v", changed, err)
	}
	names := func(id string) bool {
		_, text := fetch(t, d.Archiver.URL()+"/full-nodelist")
		return strings.Contains(text, id)
	}
	for deadline := time.Now().Add(10 * time.Second); names(d.Consensors[1].PeerID()); {
		if time.Now().After(deadline) {
			t.Fatal("the other node is still on the list after 10 s")
		}
	}
	if !names(d.Consensors[0].PeerID()) {
		t.Error("the node that is allowed is off the list")
	}
}
