package roles_test

import (
	"io"
	"net/http"
	"reflect"
	"testing"

	"github.com/liberdus/liberdus/internal/signing"
)

// recordedInfo is what a node of a Liberdus network told of itself.
const recordedInfo = `{"nodeInfo":{"appData":{"activeVersion":"2.4.8","appVersion":"2.4.9","latestVersion":"2.4.9","minVersion":"2.4.8",` +
	`"operatorCLIVersion":"","operatorGUIVersion":""},"curvePublicKey":"b2841c04d3a2e2b3ed85c9a6ce4d487798f721af8076aac70a7d69f6e2d85153",` +
	`"externalIp":"127.0.0.1","externalPort":9001,"id":"6eda9969fb3a79b9f0f788b7d80f3f8045c726ffc15f1e609790ee83e31954e5","internalIp":"127.0.0.1",` +
	`"internalPort":10001,"publicKey":"499a602c0109bcf3bb84fe414032d792bd7c56f3a68ca547cf9c70552c713b8f","status":"active"}}`

// TestNodeInfo: each member that a Liberdus node tells of itself is there, with
// the same type, and those the same that are the network's.
func TestNodeInfo(t *testing.T) {
	d := startDevnet(t, 1)
	node := d.Consensors[0]
	got := fetchObject(t, "http://"+node.Addr()+"/nodeInfo")["nodeInfo"].(signing.Object)
	recorded, err := signing.ParseObject([]byte(recordedInfo))
	if err != nil {
		t.Fatal(err)
	}
	want := recorded["nodeInfo"].(signing.Object)
	sameTypes(t, "nodeInfo", want, got)
	app, wantApp := got["appData"].(signing.Object), want["appData"].(signing.Object)
	for _, name := range []string{"activeVersion", "latestVersion", "minVersion"} {
		if app[name] != wantApp[name] {
			t.Errorf("%s = %v, want %v", name, app[name], wantApp[name])
		}
	}
	if got["peerId"] != node.PeerID() || got["status"] != "active" {
		t.Errorf("peerId, status = %v, %v, want %s, active", got["peerId"], got["status"], node.PeerID())
	}
	if curve, err := signing.Curve(got["publicKey"].(string)); err != nil || got["curvePublicKey"] != curve {
		t.Errorf("curvePublicKey = %v, want %s (%v)", got["curvePublicKey"], curve, err)
	}
}

func sameTypes(t *testing.T, path string, want, got signing.Object) {
	t.Helper()
	for name, w := range want {
		if reflect.TypeOf(got[name]) != reflect.TypeOf(w) {
			t.Errorf("%s.%s is a %T, want %T", path, name, got[name], w)
			continue
		}
		if inner, ok := w.(signing.Object); ok {
			sameTypes(t, path+"."+name, inner, got[name].(signing.Object))
		}
	}
}

func fetchObject(t *testing.T, url string) signing.Object {
	t.Helper()
	resp, err := http.Get(url)
	if err != nil {
		t.Fatal(err)
	}
	defer resp.Body.Close()
	text, err := io.ReadAll(resp.Body)
	if err != nil {
		t.Fatal(err)
	}
	o, err := signing.ParseObject(text)
	if err != nil {
		t.Fatalf("%s: %v", text, err)
	}
	return o
}
