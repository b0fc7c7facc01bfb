package main

import (
	"bytes"
	"os"
	"path/filepath"
	"reflect"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/urfave/cli/v2"

	"github.com/liberdus/liberdus/internal/config"
)

// parseArchiver returns what the archiver would run with.
func parseArchiver(t *testing.T, args ...string) (cfg config.Archiver, err error) {
	t.Helper()
	a := app()
	a.Writer, a.ErrWriter = new(bytes.Buffer), new(bytes.Buffer)
	find(a.Commands, "archiver").Action = func(c *cli.Context) (err error) {
		cfg, err = archiverConfig(c)
		return err
	}
	err = a.RunContext(t.Context(), interleave(a, append([]string{"liberdus", "archiver"}, args...)))
	return cfg, err
}

func TestPeerJSOptions(t *testing.T) {
	sec := func(n int) config.Millis { return config.Millis(time.Duration(n) * time.Second) }
	defaults := []string{":6000", ":6080"}
	for _, tt := range []struct {
		name string
		args string
		env  map[string]string
		file string
		want func(*config.Archiver)
		open []string // the public listeners, if they are not the default's
	}{
		{name: "nothing", want: func(*config.Archiver) {}},
		{
			name: "as one calls peerjs",
			args: "--port 9000 --host 127.0.0.1 --key secret --path /myapp --expire_timeout 1500 --alive_timeout 90000 --concurrent_limit 7 --cleanup_out_msgs 100 --allow_discovery --proxied true --sslkey k.pem --sslcert c.pem --cors https://a --cors https://b",
			open: []string{"127.0.0.1:9000"},
			want: func(a *config.Archiver) {
				a.Port, a.Host, a.Key, a.Path, a.ConcurrentLimit, a.AllowDiscovery = "9000", "127.0.0.1", "secret", "/myapp", 7, true
				a.ExpireTimeout, a.AliveTimeout, a.CleanupOutMsgs = config.Millis(1500*time.Millisecond), sec(90), config.Millis(100*time.Millisecond)
				a.CORS, a.Proxied, a.TLSKey, a.TLSCert = []string{"https://a", "https://b"}, true, "k.pem", "c.pem"
			},
		},
		{
			name: "short options",
			args: "-p 0 -H ::1 -k 1234 -t 2000 -c 0",
			open: []string{"[::1]:0"},
			want: func(a *config.Archiver) {
				a.Port, a.Host, a.Key, a.ExpireTimeout, a.ConcurrentLimit = "0", "::1", "1234", sec(2), 0
			},
		},
		{
			name: "a certificate, as peerjs is given one",
			args: "--sslcert c.pem --sslkey k.pem",
			want: func(a *config.Archiver) { a.TLSCert, a.TLSKey = "c.pem", "k.pem" },
		},
		{
			name: "our spelling, with units",
			args: "--allow-discovery false --expire-timeout 2s --alive-timeout=1m30s --concurrent-limit 3 --cleanup-out-msgs 500ms",
			want: func(a *config.Archiver) {
				a.ExpireTimeout, a.AliveTimeout, a.CleanupOutMsgs, a.ConcurrentLimit = sec(2), sec(90), config.Millis(500*time.Millisecond), 3
			},
		},
		{
			name: "variables of peerjs",
			env:  map[string]string{"PORT": "8080", "PEERSERVER_PATH": "/p"},
			open: []string{":8080"},
			want: func(a *config.Archiver) { a.Port, a.Path = "8080", "/p" },
		},
		{
			name: "flags beat them",
			args: "--port 9001 --path /q",
			env:  map[string]string{"PORT": "8080", "PEERSERVER_PATH": "/p"},
			open: []string{":9001"},
			want: func(a *config.Archiver) { a.Port, a.Path = "9001", "/q" },
		},
		{
			name: "our variables",
			env: map[string]string{
				"LIBERDUS_ALIVE_TIMEOUT": "2000", "LIBERDUS_CORS": "https://a,https://b", "LIBERDUS_PEERJS_KEY": "k",
				"LIBERDUS_ALLOW_DISCOVERY": "true", "LIBERDUS_PATH": "/ours", "PEERSERVER_PATH": "/theirs", "LIBERDUS_KEY": "wallet.json",
			},
			want: func(a *config.Archiver) {
				a.AliveTimeout, a.CORS, a.Key, a.AllowDiscovery, a.Path = sec(2), []string{"https://a", "https://b"}, "k", true, "/ours"
			},
		},
		{name: "--listen beats PORT", args: "--listen 127.0.0.1:1", env: map[string]string{"PORT": "8080"}, open: []string{"127.0.0.1:1"}, want: func(a *config.Archiver) { a.Listen = []string{"127.0.0.1:1"} }},
		{name: "--port beats LIBERDUS_LISTEN", args: "-p 2", env: map[string]string{"LIBERDUS_LISTEN": ":1"}, open: []string{":2"}, want: func(a *config.Archiver) { a.Port = "2" }},
		{name: "LIBERDUS_LISTEN beats PORT", env: map[string]string{"LIBERDUS_LISTEN": ":1", "PORT": "2"}, open: []string{":1"}, want: func(a *config.Archiver) { a.Listen = []string{":1"} }},
		{name: "--listen beats LIBERDUS_PORT", args: "--listen :1", env: map[string]string{"LIBERDUS_PORT": "2"}, open: []string{":1"}, want: func(a *config.Archiver) { a.Listen = []string{":1"} }},
		{name: "PORT beats the file", file: "listen = [\":1\"]", env: map[string]string{"PORT": "2"}, open: []string{":2"}, want: func(a *config.Archiver) { a.Port = "2" }},
		{name: "--listen beats the file's port", file: "port = 1", args: "--listen :2", open: []string{":2"}, want: func(a *config.Archiver) { a.Listen = []string{":2"} }},
		{name: "a Kubernetes service named liberdus", env: map[string]string{"LIBERDUS_PORT": "tcp://10.0.0.1:80"}, want: func(*config.Archiver) {}},
		{name: "a host for the default ports", args: "-H 127.0.0.1", open: []string{"127.0.0.1:6000", "127.0.0.1:6080"}, want: func(a *config.Archiver) { a.Host = "127.0.0.1" }},
		{name: "a host beside addresses", args: "-H 127.0.0.1 --listen :1 --listen 127.0.0.2:2", open: []string{"127.0.0.1:1", "127.0.0.2:2"}, want: func(a *config.Archiver) { a.Host, a.Listen = "127.0.0.1", []string{":1", "127.0.0.2:2"} }},
		{
			name: "a file, numbers and text",
			file: "port = 9000\nexpire_timeout = 1500\nalive_timeout = \"90000\"\ncleanup_out_msgs = \"2s\"\ncors = [\"*\"]\npath = \"p\"",
			open: []string{":9000"},
			want: func(a *config.Archiver) {
				a.Port, a.ExpireTimeout, a.AliveTimeout, a.CleanupOutMsgs = "9000", config.Millis(1500*time.Millisecond), sec(90), sec(2)
				a.CORS, a.Path = []string{"*"}, "p"
			},
		},
	} {
		t.Run(tt.name, func(t *testing.T) {
			clearEnv(t)
			for name, value := range tt.env {
				t.Setenv(name, value)
			}
			args := strings.Fields(tt.args)
			if tt.file != "" {
				path := filepath.Join(t.TempDir(), "c.toml")
				if err := os.WriteFile(path, []byte("[archiver]\n"+tt.file+"\n"), 0o600); err != nil {
					t.Fatal(err)
				}
				args = append(args, "--config", path)
			}
			got, err := parseArchiver(t, args...)
			if err != nil {
				t.Fatal(err)
			}
			want := config.Default().Archiver
			tt.want(&want)
			if !reflect.DeepEqual(got, want) {
				t.Errorf("settings\n%+v, want\n%+v", got, want)
			}
			open := tt.open
			if open == nil {
				open = defaults
			}
			if !slices.Equal(got.PublicAddrs(), open) {
				t.Errorf("public listeners %q, want %q", got.PublicAddrs(), open)
			}
		})
	}
}

// clearEnv hides what the machine's environment says.
func clearEnv(t *testing.T) {
	t.Helper()
	for _, kv := range os.Environ() {
		name, value, _ := strings.Cut(kv, "=")
		if strings.HasPrefix(name, "LIBERDUS_") || name == "PORT" || name == "PEERSERVER_PATH" {
			t.Setenv(name, value) // puts it back afterwards
			os.Unsetenv(name)
		}
	}
}

// Bad options end with exit code 2 and name what is wrong, before anything is
// opened.
func TestPeerJSOptionsRefused(t *testing.T) {
	for _, tt := range []struct {
		name string
		args string
		env  map[string]string
		want []string
	}{
		{name: "port and listen", args: "--port 1 --listen :2", want: []string{"--port", "--listen"}},
		{name: "no port number", args: "--port http", want: []string{"--port", `"http"`}},
		{name: "PORT is no number", env: map[string]string{"PORT": "x"}, want: []string{"--port", `"x"`}},
		{name: "port too high", args: "-p 65536", want: []string{"65536"}},
		{name: "host with a port", args: "--host 127.0.0.1:80 -p 1", want: []string{"--host"}},
		{name: "no time", args: "--alive_timeout soon", want: []string{"alive_timeout", "soon", "milliseconds"}},
		{name: "no time in the environment", env: map[string]string{"LIBERDUS_EXPIRE_TIMEOUT": "x"}, want: []string{"LIBERDUS_EXPIRE_TIMEOUT"}},
		{name: "too short", args: "-t 5", want: []string{"--expire-timeout", "10ms"}},
		{name: "too long", args: "-t 9223372036854775807", want: []string{"milliseconds"}},
		{name: "two forms of one option", args: "-t 500 --expire_timeout 600", want: []string{"expire"}},
		{name: "a path that cannot be", args: "--path /a?b", want: []string{"path", "/a?b"}},
		{name: "a path beyond ASCII", args: "--path /größe", want: []string{"--path", "ASCII"}},
		{name: "cors with a slash", args: "--cors https://a.example/", want: []string{"--cors", "https://a.example/", "not an origin"}},
		{name: "cors with a path", args: "--cors https://a.example/x", want: []string{"--cors", "not an origin"}},
		{name: "cors without a scheme", args: "--cors a.example", want: []string{"--cors", "not an origin"}},
		{name: "an origin with a slash", args: "--allow-origin https://a.example/", want: []string{"--allow-origin", "not an origin"}},
		{name: "a key that cannot be", args: "--key a/b", want: []string{"key", "a/b"}},
		{name: "an empty key", args: "--key=", want: []string{"key"}},
		{name: "a key that is an API path", args: "--path / --key nodelist", want: []string{"--key nodelist", "/nodelist"}},
		{name: "a key that is an API path in capitals", args: "--path / --key RTC", want: []string{"--key RTC", "/rtc"}},
		{name: "a key that is the page", args: "--path / --key app", want: []string{"--key app"}},
		{name: "a path that is an API path", args: "--path peerids/", want: []string{"--path peerids/"}},
		{name: "a key without its certificate", args: "--sslkey k.pem", want: []string{"--tls-cert", "--tls-key"}},
		{name: "a certificate without its key", args: "--sslcert c.pem", want: []string{"--tls-cert", "--tls-key"}},
		{name: "negative limit", args: "-c -1", want: []string{"--concurrent-limit", "-1"}},
	} {
		t.Run(tt.name, func(t *testing.T) {
			clearEnv(t)
			for name, value := range tt.env {
				t.Setenv(name, value)
			}
			dir := filepath.Join(t.TempDir(), "data")
			code, said := runCommand(t, append(strings.Fields("archiver --data "+dir), strings.Fields(tt.args)...)...)
			if code != exitUsage {
				t.Errorf("exit code = %d, want %d", code, exitUsage)
			}
			for _, want := range tt.want {
				if !strings.Contains(said, want) {
					t.Errorf("stderr = %q, want it to name %s", said, want)
				}
			}
			if _, err := os.Stat(dir); err == nil {
				t.Error("the data folder was made all the same")
			}
		})
	}
}

// runCommand runs a command that ends by itself and returns what it said on
// standard error.
func runCommand(t *testing.T, args ...string) (code int, said string) {
	t.Helper()
	file, err := os.Create(filepath.Join(t.TempDir(), "stderr"))
	if err != nil {
		t.Fatal(err)
	}
	defer file.Close()
	saved := os.Stderr
	os.Stderr = file
	defer func() { os.Stderr = saved }()
	code = run(t.Context(), append([]string{"liberdus"}, args...))
	text, err := os.ReadFile(file.Name())
	if err != nil {
		t.Fatal(err)
	}
	return code, string(text)
}
