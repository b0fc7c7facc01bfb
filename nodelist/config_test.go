package nodelist_test

import (
	"strings"
	"testing"

	"github.com/liberdus/liberdus/nodelist"
)

func TestNewRefusesBadSettings(t *testing.T) {
	good := nodelist.Config{Key: keyOf(1), RTC: nodelist.RTC{Port: 1, Path: "/p", Key: "k"}}
	for _, tt := range []struct {
		want   string
		change func(*nodelist.Config)
	}{
		{"", func(*nodelist.Config) {}},
		{"key: none given", func(c *nodelist.Config) { c.Key = nil }},
		{`network id: "ABC"`, func(c *nodelist.Config) { c.NetworkID = "ABC" }},
		{`allow node: "x"`, func(c *nodelist.Config) { c.AllowNode = []string{"x"} }},
		{"limits:", func(c *nodelist.Config) { c.PerAddress = -1 }},
		{"limits:", func(c *nodelist.Config) { c.Total = 10_001 }},
		{"rtc: port 0", func(c *nodelist.Config) { c.RTC.Port = 0 }},
		{"rtc: host", func(c *nodelist.Config) { c.RTC.Host = "a b" }},
		{"rtc: path", func(c *nodelist.Config) { c.RTC.Path = "x" }},
		{"rtc: key", func(c *nodelist.Config) { c.RTC.Key = "" }},
		{"rtc: more than 32", func(c *nodelist.Config) { c.RTC.ICEServers = make([]nodelist.ICEServer, 33) }},
		{"ip: ", func(c *nodelist.Config) { c.IP = "a/b" }},
	} {
		cfg := good
		tt.change(&cfg)
		err := cfg.Validate()
		if (err == nil) != (tt.want == "") || err != nil && !strings.Contains(err.Error(), tt.want) {
			t.Errorf("Validate = %v, want %q", err, tt.want)
		}
	}
	bad := good
	bad.Key, bad.NetworkID = nil, "x"
	if err := bad.Validate(); err == nil || strings.Count(err.Error(), "\n") != 1 {
		t.Errorf("Validate = %v, want both mistakes", err)
	}
}
