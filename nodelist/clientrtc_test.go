package nodelist_test

import (
	"testing"

	"github.com/liberdus/liberdus/internal/signing"
)

func TestRTCIsRefused(t *testing.T) {
	set := func(name string, value any) func(signing.Object) {
		return func(o signing.Object) { o[name] = value }
	}
	inside := func(name string, value any) func(signing.Object) {
		return func(o signing.Object) { o["rtc"].(signing.Object)[name] = value }
	}
	for _, tt := range []struct {
		name   string
		change func(signing.Object)
		want   string
	}{
		{"a good one", nil, ""},
		{"with a host", inside("host", "peers.example"), ""},
		{"with one ice URL", inside("iceServers", []any{signing.Object{"urls": "stun:a"}}), ""},
		{"another purpose", set("purpose", "liberdus-hello"), "its purpose is liberdus-hello"},
		{"an old nonce", set("nonce", "0123456789abcdef"), "its nonce is not the one sent"},
		{"no nonce", func(o signing.Object) { delete(o, "nonce") }, "no member nonce"},
		{"a member too many", set("list", "active"), "do not belong there: list"},
		{"time a text", set("time", "now"), "time is to be a whole number"},
		{"odd networkId", set("networkId", "x"), "networkId is neither"},
		{"rtc a text", set("rtc", "x"), "rtc: it has no member"},
		{"an rtc member too many", inside("x", "x"), "rtc: it has members that do not belong there: x"},
		{"host a number", inside("host", 1.0), "another type"},
		{"empty host", inside("host", ""), "another type"},
		{"odd host", inside("host", "a/b"), "rtc: host"},
		{"port a text", inside("port", "6080"), "another type"},
		{"port 0", inside("port", 0.0), "rtc: port 0"},
		{"path without slash", inside("path", "x"), "rtc: path"},
		{"secure a number", inside("secure", 1.0), "another type"},
		{"empty key", inside("key", ""), "rtc: key"},
		{"iceServers an object", inside("iceServers", signing.Object{}), "iceServers is no array"},
		{"an ice server without urls", inside("iceServers", []any{signing.Object{}}), "urls is neither"},
		{"an ice URL that is a number", inside("iceServers", []any{signing.Object{"urls": []any{1.0}}}), "urls is neither"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			f := newFake(t)
			f.rtc = tt.change
			rtc, _, err := clientOf(f, "", nil).RTC(t.Context())
			wantError(t, err, tt.want)
			if err == nil && rtc.Host != map[bool]string{true: "peers.example", false: "archiver"}[tt.name == "with a host"] {
				t.Errorf("host = %q", rtc.Host)
			}
		})
	}
}
