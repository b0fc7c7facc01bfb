package nodelist_test

import (
	"net"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"

	"github.com/liberdus/liberdus/nodelist"
)

func TestRemedies(t *testing.T) {
	plain := httptest.NewServer(http.NotFoundHandler())
	defer plain.Close()
	secure := httptest.NewTLSServer(http.NotFoundHandler()) // for example.com, 127.0.0.1 and ::1
	defer secure.Close()
	_, port, err := net.SplitHostPort(secure.Listener.Addr().String())
	if err != nil {
		t.Fatal(err)
	}
	stranger := &http.Client{Transport: &http.Transport{}}
	for _, tt := range []struct {
		name, url string
		client    *http.Client
		want      string
	}{
		{"a name that the certificate does not have", "https://localhost:" + port, secure.Client(), "if that is the archiver's name, give it as https://example.com#KEY, or have it tell that to all with --public-url https://example.com"},
		{"an authority that is not known", secure.URL, stranger, "SSL_CERT_FILE"},
		{"https where there is http", strings.Replace(plain.URL, "http:", "https:", 1), stranger, "give it as http://"},
		{"a name that there is not", "http://nobody.invalid", stranger, "check the name in the URL"},
		{"nobody", "http://127.0.0.1:1", stranger, "check the URL and that the archiver runs"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			c := nodelist.NewClient(nodelist.Archiver{URL: tt.url}, nodelist.ClientConfig{HTTP: tt.client})
			_, err := c.Active(t.Context())
			wantError(t, err, tt.want)
		})
	}
}
