package e2e

import (
	"net/url"
	"testing"

	"github.com/chromedp/chromedp"
)

// A browser whose network lets no UDP through takes a node's TCP port, and finds
// no way where there is none.
func TestBrowserOverTCP(t *testing.T) {
	t.Parallel()
	s := newSite(t)
	archiver := s.archiver()
	server := pages(t)
	// Without the browser's own addresses the node has none to send UDP to.
	browser := browse(t, chromedp.Flag("force-webrtc-ip-handling-policy", "disable_non_proxied_udp"))
	for _, tt := range []struct {
		name string
		args []string
		wait string
		want bool
	}{
		{"with a TCP port", []string{"--tcp-listen", "127.0.0.1:0"}, "25", true},
		{"without", nil, "5", false}, // far longer than the other takes
	} {
		t.Run(tt.name, func(t *testing.T) {
			s := &site{t: t, home: t.TempDir()}
			node := s.consensor(archiver.url(), append(tt.args, "--network-id", testNetwork)...)
			w := newWallet(t, testNetwork)
			tx, _, err := w.register("overtcp")
			if err != nil {
				t.Fatal(err)
			}
			host, port := hostPort(t, archiver.addr)
			got := visit(t, browser, server.URL+"/simple-peerjs.html", url.Values{
				"host": {host}, "port": {port}, "path": {"/liberdus-peer"}, "key": {"liberdus"}, "tcp": {"true"}, "wait": {tt.wait},
				"peer": {node.peerID}, "tx": {tx}, "account": {w.id()},
			})
			if got.OK != tt.want {
				t.Errorf("answered: %v, want %v; error %q, faults %q", got.OK, tt.want, got.Error, got.Faults)
			}
			if !tt.want {
				return
			}
			m := newModule(t, browser, server.URL)
			var path string
			m.do(&path, `
				window.answered = ({ signal }) => { signal.sdp = signal.sdp.replace(/^a=candidate:\S+ \d+ udp .*\r\n/gim, '') }
				await open(`+quote(archiver.url())+`, { peer: `+quote(node.peerID)+` })
				await client.request('timestamp')
				const [session] = await client.sessions()
				client.close()
				return session.path`)
			if path != "tcp" {
				t.Errorf("liberdus.js says that its session goes over %q, want tcp", path)
			}
			m.quiet()
		})
	}
}

const testNetwork = "7e57000000000000000000000000000000000000000000000000000000007e57"
