package roles_test

import (
	"bytes"
	"log/slog"
	"strings"
	"testing"

	"github.com/liberdus/liberdus/internal/config"
	"github.com/liberdus/liberdus/roles"
)

// An external address that nothing stands behind is refused, or warned of where
// it can still be that of the HTTP server; each with the flags to look at.
func TestExternalOfAnotherFamily(t *testing.T) {
	for _, tt := range []struct {
		name          string
		change        func(*config.Consensor)
		refused, says string
	}{
		{"of the same family", func(c *config.Consensor) { c.External = "203.0.113.7:9001" }, "", ""},
		{"--external", func(c *config.Consensor) { c.External = "[2001:db8::7]:9001" }, "", "--udp-external"},
		{"--external and --family", func(c *config.Consensor) { c.External, c.Family = "[2001:db8::7]:9001", "4" }, "", "--udp-external"},
		{"--udp-external", func(c *config.Consensor) { c.UDPExternal = []string{"2001:db8::7"} }, "--udp-external", ""},
		{"--tcp-external", func(c *config.Consensor) { c.TCPListen, c.TCPExternal = "0.0.0.0:0", []string{"2001:db8::7"} }, "--tcp-external", ""},
		{"--external, but --udp-external is right", func(c *config.Consensor) {
			c.External, c.UDPExternal = "[2001:db8::7]:9001", []string{"203.0.113.7"}
		}, "", ""},
	} {
		t.Run(tt.name, func(t *testing.T) {
			cfg := config.Default().Consensor
			cfg.Archiver, cfg.Listen, cfg.Data = []string{"http://127.0.0.1:1"}, "0.0.0.0:0", t.TempDir()
			tt.change(&cfg)
			var logged bytes.Buffer
			n, err := roles.NewConsensor(cfg, nil, slog.New(slog.NewTextHandler(&logged, &slog.HandlerOptions{Level: slog.LevelWarn})))
			if err == nil {
				n.Close()
			}
			if (err == nil) != (tt.refused == "") || err != nil && !strings.Contains(err.Error(), tt.refused) {
				t.Errorf("NewConsensor = %v, want an error with %q", err, tt.refused)
			}
			warned := strings.Contains(logged.String(), "clients are not told the address of --external")
			if warned != (tt.says != "") || !strings.Contains(logged.String(), tt.says) {
				t.Errorf("logged %q, want a warning with %q", logged.String(), tt.says)
			}
		})
	}
}
