package roles_test

import (
	"net/http"
	"os"
	"path/filepath"
	"regexp"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/liberdus/liberdus/internal/config"
	"github.com/liberdus/liberdus/internal/testca"
	"github.com/liberdus/liberdus/roles"
)

// The operator's port tells how long the certificate that is shown is good. An archiver with one
// that has ended, or without the one that it is to get, is not ready.
func TestOpsTellsOfTheCertificate(t *testing.T) {
	const day = 24 * time.Hour
	for _, tt := range []struct {
		name      string
		age, left time.Duration // 0: by ACME, from nobody
		code      int
		says      string // the page and /readyz
	}{
		{"new", day, 89 * day, http.StatusOK, ""},
		{"about to end", 80 * day, 10 * day, http.StatusOK, ""},
		{"over", 90 * day, -time.Hour, http.StatusServiceUnavailable, "ended on"},
		{"not yet good", -day, 90 * day, http.StatusServiceUnavailable, "clock right"},
		{"none yet", 0, 0, http.StatusServiceUnavailable, "no certificate for archiver.example.org yet"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			dir := t.TempDir()
			a := startArchiver(t, func(c *config.Archiver) {
				c.Ops = "127.0.0.1:0"
				if tt.age == 0 {
					c.ACME, c.ACMECA, c.ACMEHTTPListen = []string{"archiver.example.org"}, "https://127.0.0.1:1/dir", ""
					return
				}
				cert, key := testca.New(t).IssueOld(t, tt.age, tt.left, "archiver.example.org")
				c.TLSCert, c.TLSKey = filepath.Join(dir, "cert.pem"), filepath.Join(dir, "key.pem")
				for path, text := range map[string][]byte{c.TLSCert: cert, c.TLSKey: key} {
					if err := os.WriteFile(path, text, 0o600); err != nil {
						t.Fatal(err)
					}
				}
			})
			ops := roles.OpsURL(a)
			if code, text := fetch(t, ops+"/readyz"); code != tt.code || !strings.Contains(text, tt.says) {
				t.Errorf("GET /readyz = %d %s, want %d with %q", code, text, tt.code, tt.says)
			}
			if _, page := fetch(t, ops+"/"); !strings.Contains(page, tt.says) || tt.age != 0 && !strings.Contains(page, "good until") {
				t.Errorf("the page does not tell of the certificate:\n%s", page)
			}
			_, metrics := fetch(t, ops+"/metrics")
			for name, want := range map[string]time.Duration{"left": tt.left, "life": tt.age + tt.left} {
				m := regexp.MustCompile(`(?m)^liberdus_certificate_` + name + `_seconds\{role="archiver"\} (\S+)$`).FindStringSubmatch(metrics)
				if m == nil {
					t.Errorf("there is no metric of the certificate's %s", name)
					continue
				}
				got, err := strconv.ParseFloat(m[1], 64)
				if err != nil || time.Duration(got*float64(time.Second)-float64(want)).Abs() > time.Minute {
					t.Errorf("%s = %s s (%v), want %v", name, m[1], err, want)
				}
			}
		})
	}
}
