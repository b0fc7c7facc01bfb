package config_test

import (
	"net/netip"
	"os"
	"path/filepath"
	"reflect"
	"strings"
	"testing"

	"github.com/BurntSushi/toml"

	"github.com/liberdus/liberdus/internal/config"
)

const example = "../../config.example.toml"

// The example names every key, and says of each what the default is.
func TestExampleIsComplete(t *testing.T) {
	var raw map[string]any
	md, err := toml.DecodeFile(example, &raw)
	if err != nil {
		t.Fatal(err)
	}
	for table, keys := range map[string][]string{
		"archiver":  config.Keys(config.Archiver{}),
		"consensor": config.Keys(config.Consensor{}),
		"client":    config.Keys(config.Client{}),
		"gateway":   config.Keys(config.Gateway{}),
	} {
		for _, key := range keys {
			if !md.IsDefined(table, key) {
				t.Errorf("config.example.toml lacks %s.%s", table, key)
			}
		}
	}
	got, err := config.Load(example)
	if err != nil {
		t.Fatal(err)
	}
	want := config.Default()
	// The only keys without a default: the example shows the form.
	want.Consensor.Archiver = []string{"http://127.0.0.1:6080"}
	want.Client.Archiver = []string{"http://127.0.0.1:6080"}
	want.Archiver.AllowNode, want.Archiver.CORS = []string{}, []string{}
	want.Archiver.ACME = []string{}
	if !reflect.DeepEqual(got, want) {
		t.Errorf("config.example.toml gives\n%+v, the defaults are\n%+v", got, want)
	}
	for _, err := range []error{got.Archiver.Validate(), got.Consensor.Validate(), got.Client.Validate(), got.Gateway.Validate()} {
		if err != nil {
			t.Error(err)
		}
	}
}

func TestLoadNamesFileAndLine(t *testing.T) {
	for _, tt := range []struct {
		name, text string
		want       []string
	}{
		{"unknown key", "[archiver]\nlisten = [\":0\"]\n\nlisten_prot = 1\n", []string{":4:", "archiver.listen_prot"}},
		{"unknown table", "[archiver]\n\n[archivist]\nx = 1\n", []string{":3:", "archivist"}},
		{"two unknown keys", "a = 1\n[client]\nb = 2\n", []string{":1:", `"a"`, ":3:", `"client.b"`}},
		{"no TOML", "[client]\n\ntimeout = = 3\n", []string{":3:"}},
		{"another type", "[client]\ntimeout = true\n", []string{"timeout"}},
		{"some other file", strings.Repeat("#\n", 2<<20) + "#", []string{"larger than 4194304 bytes"}},
	} {
		t.Run(tt.name, func(t *testing.T) {
			path := filepath.Join(t.TempDir(), "c.toml")
			if err := os.WriteFile(path, []byte(tt.text), 0o600); err != nil {
				t.Fatal(err)
			}
			_, err := config.Load(path)
			if err == nil {
				t.Fatal("Load = nil, want an error")
			}
			for _, part := range append(tt.want, path) {
				if !strings.Contains(err.Error(), part) {
					t.Errorf("Load = %q, want it to name %q", err, part)
				}
			}
		})
	}
}

// Behind a proxy that names no client, everybody would be spared by default.
func TestExempt(t *testing.T) {
	local := netip.MustParseAddr("127.0.0.1")
	for _, tt := range []struct {
		name             string
		exempt, proxies  []string // exempt nil = the default
		proxied          bool
		local, elsewhere bool // whether 127.0.0.1 and 192.0.2.1 are spared
	}{
		{name: "default", local: true},
		{name: "default behind a proxy", proxies: []string{"10.0.0.0/8"}},
		{name: "explicit behind a proxy", proxies: []string{"10.0.0.0/8"}, exempt: []string{"127.0.0.1"}, local: true},
		{name: "default behind whatever is near", proxied: true},
		{name: "none", exempt: []string{}},
		{name: "another", exempt: []string{"192.0.2.0/24"}, elsewhere: true},
	} {
		t.Run(tt.name, func(t *testing.T) {
			a := config.Default().Archiver
			a.TrustedProxy, a.Proxied = tt.proxies, tt.proxied
			if tt.exempt != nil {
				a.LimitExempt = tt.exempt
			}
			got, err := a.Exempt()
			if err != nil || got == nil || got.Contains(local) != tt.local || got.Contains(netip.MustParseAddr("192.0.2.1")) != tt.elsewhere {
				t.Errorf("Exempt = %v, %v", got, err)
			}
		})
	}
}

// --proxied trusts what is near, and nothing of the internet.
func TestProxied(t *testing.T) {
	a := config.Default().Archiver
	a.TrustedProxy, a.Proxied = []string{"192.0.2.1"}, true
	got, err := a.Proxies()
	if err != nil {
		t.Fatal(err)
	}
	for addr, want := range map[string]bool{
		"127.0.0.1": true, "::1": true, "10.1.2.3": true, "172.16.0.1": true, "192.168.9.9": true, "fd00::1": true, "192.0.2.1": true,
		"172.32.0.1": false, "192.0.2.2": false, "2001:db8::1": false, "100.64.0.1": false,
	} {
		if got.Contains(netip.MustParseAddr(addr)) != want {
			t.Errorf("a proxy at %s is trusted: %v, want %v", addr, !want, want)
		}
	}
	a.Proxied = false
	if got, err := a.Proxies(); err != nil || got.Contains(netip.MustParseAddr("10.1.2.3")) {
		t.Errorf("without it Proxies = %v, %v", got, err)
	}
}

func TestValidateReportsEveryMistake(t *testing.T) {
	for _, tt := range []struct {
		name string
		err  error
		want []string
	}{
		{
			name: "archiver",
			err: config.Archiver{
				Listen: []string{"nowhere", ":99999"}, NodeListen: "x:y", PublicURL: "https://a/b", NetworkID: "12",
				AllowNode: []string{"zz"}, LimitExempt: []string{"ten"}, TrustedProxy: []string{"eleven"}, IDGrace: 5, SocketsPerAddress: -2, ConcurrentLimit: -1,
			}.Validate(),
			want: []string{`"nowhere"`, `":99999"`, `"x:y"`, "--data", "--public-url", "--network-id", "--allow-node", "--limit-exempt", "--trusted-proxy", "--id-grace", "--sockets-per-address", "--connect-rate", "--message-rate", "--concurrent-limit"},
		},
		{
			name: "archiver with half a certificate, and odd hosts",
			err: config.Archiver{
				Listen: []string{":0"}, Data: "d", TLSCert: "c.pem", ACME: []string{"https://a.example", "*.a.example", "localhost", "a.example:443"},
				ACMECA: "ftp://ca", ACMEHTTPListen: "x",
			}.Validate(),
			want: []string{"--tls-key", "--acme: cannot be given together", `"https://a.example"`, `"*.a.example"`, `"localhost"`, `"a.example:443"`, "--acme-ca", "--acme-http-listen"},
		},
		{
			name: "an authority for nothing",
			err:  config.Archiver{Listen: []string{":0"}, Data: "d", ACMECA: "https://ca.example"}.Validate(),
			want: []string{"--acme HOST"},
		},
		{name: "archiver without an address", err: config.Archiver{Data: "d"}.Validate(), want: []string{"--listen"}},
		{
			name: "consensor",
			err:  config.Consensor{Listen: "x", External: "1.2.3.4", NetworkID: "A"}.Validate(),
			want: []string{"--archiver", "--listen", "--external", "--data", "--network-id"},
		},
		{name: "external without a host", err: config.Consensor{Listen: ":1", Data: "d", Archiver: []string{"a"}, External: ":5"}.Validate(), want: []string{"--external"}},
		{name: "client with a bare number", err: config.Client{Timeout: 5}.Validate(), want: []string{"--timeout", `"5s"`}},
	} {
		t.Run(tt.name, func(t *testing.T) {
			if tt.err == nil {
				t.Fatal("Validate = nil, want an error")
			}
			for _, part := range tt.want {
				if !strings.Contains(tt.err.Error(), part) {
					t.Errorf("Validate = %q, want it to name %s", tt.err, part)
				}
			}
		})
	}
}
