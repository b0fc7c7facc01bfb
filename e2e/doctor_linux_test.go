package e2e

import (
	"fmt"
	"testing"
)

// The doctor tells a network that blocks UDP from one that lets nothing through,
// and names the port.
func TestDoctorWithoutUDP(t *testing.T) {
	t.Parallel()
	for _, tt := range []struct {
		name     string
		args     []string
		drop     string
		code     int
		udp, tcp string
	}{
		{"nothing is blocked", []string{"--tcp-listen", ":9002"}, "", 0, "ok", "ok"},
		{"UDP, and there is TCP", []string{"--tcp-listen", ":9002"}, "udp", 0, "warn", "ok"},
		{"UDP, and there is no TCP", nil, "udp", 1, "fail", "ok"},
		{"both", []string{"--tcp-listen", ":9002"}, "tcp", 1, "fail", "fail"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			l := newLab(t)
			host, client := l.host(), l.host()
			host.consensor(tt.args...)
			rules := noIPv6 // either family is right: the one that is named below is had
			if tt.drop != "" {
				rules += fmt.Sprintf(`
				table ip filter {
					chain forward {
						type filter hook forward priority filter;
						ip saddr %s meta l4proto { udp, %s } drop
					}
				}`, client.addr, tt.drop)
			}
			l.rules(rules)
			r := client.doctor("--archiver", l.archiver).exits(tt.code)
			part := map[string]string{"ok": "connected to 10.1.0.2:9001", "warn": "10.1.0.2:9001", "fail": "no way through to 10.1.0.2:9001"}
			r.doctored("udp", tt.udp, part[tt.udp])
			part = map[string]string{"ok": "connected to 10.1.0.2:9002", "fail": "no way through to 10.1.0.2:9002"}
			if tt.args == nil {
				part["ok"] = "offers no TCP port"
			}
			r.doctored("tcp", tt.tcp, part[tt.tcp])
		})
	}
}
