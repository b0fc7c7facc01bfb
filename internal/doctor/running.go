package doctor

import (
	"context"
	"crypto/tls"
	"encoding/json"
	"io"
	"net"
	"net/http"
	"path/filepath"
	"time"

	"github.com/liberdus/liberdus/internal/config"
	"github.com/liberdus/liberdus/internal/signing"
)

// lookTime is how long what listens on this machine may take to say who it is.
const lookTime = 2 * time.Second

// archiverRuns reports whether the archiver of these settings is what listens at
// one of its addresses.
func archiverRuns(ctx context.Context, a config.Archiver, addr string) bool {
	key, err := signing.LoadKey(filepath.Join(a.Data, "archiver-key.json"))
	if err != nil {
		return false // not started yet, or nobody here may know
	}
	scheme := "http"
	if (a.TLSCert != "" || len(a.ACME) > 0) && addr != a.NodeAddr() {
		scheme = "https"
	}
	return saysKey(ctx, scheme, addr, key.PublicKey())
}

// consensorRuns is archiverRuns of a consensor, at its HTTP server.
func consensorRuns(ctx context.Context, n config.Consensor) bool {
	key, err := keyOf(n)
	return err == nil && key != "" && saysKey(ctx, "http", n.ListenAddr(), key)
}

// saysKey reports whether what listens at an address of this machine says that it
// has that key. It is believed: it stands where the role is to stand.
func saysKey(ctx context.Context, scheme, addr, key string) bool {
	ctx, cancel := context.WithTimeout(ctx, lookTime)
	defer cancel()
	host, port, err := net.SplitHostPort(addr)
	if err != nil {
		return false
	}
	if ip := net.ParseIP(host); host == "" || ip != nil && ip.IsUnspecified() {
		host = "localhost"
	}
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, scheme+"://"+net.JoinHostPort(host, port)+"/nodeInfo", nil)
	if err != nil {
		return false
	}
	transport := &http.Transport{DisableKeepAlives: true, TLSClientConfig: &tls.Config{InsecureSkipVerify: true}} // the key is compared
	resp, err := transport.RoundTrip(req)
	if err != nil {
		return false
	}
	defer resp.Body.Close()
	var says struct {
		PublicKey string // an archiver's
		NodeInfo  nodeInfo
	}
	text, err := io.ReadAll(io.LimitReader(resp.Body, maxInfo))
	return err == nil && json.Unmarshal(text, &says) == nil && (says.PublicKey == key || says.NodeInfo.PublicKey == key)
}
