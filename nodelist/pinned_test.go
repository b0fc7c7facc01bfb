package nodelist_test

import (
	"strings"
	"testing"

	"github.com/liberdus/liberdus/nodelist"
)

func TestParseArchiver(t *testing.T) {
	key := keyOf(1).Public()
	for _, tt := range []struct{ in, url, key, err string }{
		{in: "http://127.0.0.1:6080", url: "http://127.0.0.1:6080"},
		{in: "https://Archiver.Example/", url: "https://archiver.example"},
		{in: " https://a.example/liberdus/ ", url: "https://a.example/liberdus"},
		{in: "http://[::1]:6080#" + key, url: "http://[::1]:6080", key: key},
		{in: "HTTP://a:1#" + strings.ToUpper(key), url: "http://a:1", key: key},
		{in: "127.0.0.1:6080", err: "begins with http:// or https://"},
		{in: "localhost:6080", err: "begins with http:// or https://"},
		{in: "archiver", err: "begins with http:// or https://"},
		{in: "", err: "begins with http:// or https://"},
		{in: "ws://a", err: "begins with http:// or https://"},
		{in: "http://:80", err: "names no host"},
		{in: "http://u:p@a", err: "user name"},
		{in: "http://a?x=1", err: "query"},
		{in: "http://a#", err: "64 hex digits"},
		{in: "http://a#abc", err: "64 hex digits"},
		{in: "http://a:port", err: "invalid port"},
	} {
		got, err := nodelist.ParseArchiver(tt.in)
		if (err == nil) != (tt.err == "") || err != nil && !strings.Contains(err.Error(), tt.err) {
			t.Errorf("ParseArchiver(%q) = %v, want %q", tt.in, err, tt.err)
		}
		if got.URL != tt.url || got.Key != tt.key {
			t.Errorf("ParseArchiver(%q) = %+v, want %q %q", tt.in, got, tt.url, tt.key)
		}
		if again, err := nodelist.ParseArchiver(got.String()); tt.err == "" && (err != nil || again != got) {
			t.Errorf("ParseArchiver(%q) = %+v, %v, want %+v", got.String(), again, err, got)
		}
	}
}

func TestWarning(t *testing.T) {
	for s, want := range map[string]bool{
		"http://archiver.example:6080":                      true,
		"http://192.0.2.1":                                  true,
		"http://archiver.example:6080#" + keyOf(1).Public(): false,
		"https://archiver.example":                          false,
		"http://127.0.0.1:6080":                             false,
		"http://127.9.9.9:6080":                             false,
		"http://[::1]:6080":                                 false,
		"http://localhost:6080":                             false,
		"http://localhost.example:6080":                     true,
	} {
		a, err := nodelist.ParseArchiver(s)
		if err != nil {
			t.Fatal(err)
		}
		got := nodelist.NewClient(a, nodelist.ClientConfig{}).Warning()
		if (got != "") != want || want && !strings.Contains(got, a.URL+"#PUBLICKEY") {
			t.Errorf("%s: Warning = %q, want one: %v", s, got, want)
		}
	}
}
