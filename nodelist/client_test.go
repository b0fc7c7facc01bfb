package nodelist_test

import (
	"errors"
	"reflect"
	"slices"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/liberdus/liberdus/internal/signing"
	"github.com/liberdus/liberdus/nodelist"
)

// wantError checks that err is an ArchiverError that says what it should.
func wantError(t *testing.T, err error, want string) {
	t.Helper()
	if want == "" {
		if err != nil {
			t.Errorf("error %v, want none", err)
		}
		return
	}
	ae, ok := errors.AsType[*nodelist.ArchiverError](err)
	if !ok || ae.Hop() != "archiver" || !strings.Contains(err.Error(), ae.URL) || !strings.Contains(err.Error(), want) {
		t.Errorf("error %v, want one of the archiver with %q", err, want)
	}
}

func TestClientOfARealList(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		a := newArchiver(t, func(c *nodelist.Config) {
			c.RTC.ICEServers = []nodelist.ICEServer{{URLs: []string{"stun:a", "stun:b"}, Username: "u", Credential: "c"}}
		})
		defer a.run()()
		known := openKnown(t, stateFile(t))
		c := clientOf(a.Handler(), "", known)
		before, err := c.Active(t.Context())
		if err != nil || len(before.Nodes) != 0 || before.NetworkID != "" {
			t.Fatalf("Active = %+v, %v, want an empty list", before, err)
		}
		a.fill(12)
		list, err := c.Active(t.Context())
		if err != nil {
			t.Fatal(err)
		}
		if len(list.Nodes) != 12 || list.Kind != "active" || list.NetworkID != networkA ||
			list.Key != a.key.Public() || list.Epoch <= before.Epoch || time.Since(list.Time) > time.Second {
			t.Errorf("Active = %+v", list)
		}
		key := keyOf(1).Public()
		want := nodelist.Node{ID: nodelist.NodeID(key), IP: "192.0.2.1", Port: 9001, PublicKey: key, PeerID: key}
		if list.Nodes[0] != want {
			t.Errorf("the first node is %+v, want %+v", list.Nodes[0], want)
		}
		rtc, info, err := c.RTC(t.Context())
		wantRTC := nodelist.RTC{
			Host: "archiver", Port: 6080, Path: "/liberdus-peer", Key: "liberdus",
			ICEServers: []nodelist.ICEServer{{URLs: []string{"stun:a", "stun:b"}, Username: "u", Credential: "c"}},
		}
		if err != nil || !reflect.DeepEqual(rtc, wantRTC) || rtc.URL() != "http://archiver:6080/liberdus-peer" {
			t.Errorf("RTC = %+v, %v, want %+v", rtc, err, wantRTC)
		}
		if info.Key != a.key.Public() || info.NetworkID != networkA || info.Skew != 0 {
			t.Errorf("RTC has %+v", info)
		}
	})
}

func TestAListIsRefused(t *testing.T) {
	set := func(name string, value any) func(signing.Object) {
		return func(o signing.Object) { o[name] = value }
	}
	for _, tt := range []struct {
		name   string
		change func(*fake)
		want   string
	}{
		{"a good one", func(*fake) {}, ""},
		{"changed after signing", func(f *fake) { f.signed = set("networkId", networkB) }, "not signed as it should be"},
		{"not signed", func(f *fake) { f.signed = func(o signing.Object) { delete(o, "sign") } }, "not signed as it should be"},
		{"of another kind", func(f *fake) { f.list = set("list", "full") }, "the list is of kind full, not active"},
		{"of no kind", func(f *fake) { f.list = set("list", 1.0) }, "the list is of kind not a text, not active"},
		{"a member too many", func(f *fake) { f.list = set("extra", "x\n") }, `members that do not belong there: extra`},
		{"a member too few", func(f *fake) { f.list = func(o signing.Object) { delete(o, "epoch") } }, "no member epoch"},
		{"nodeList an object", func(f *fake) { f.list = set("nodeList", signing.Object{}) }, "nodeList is no array"},
		{"epoch a text", func(f *fake) { f.list = set("epoch", "7") }, "whole numbers"},
		{"half an epoch", func(f *fake) { f.list = set("epoch", 7.5) }, "whole numbers"},
		{"negative time", func(f *fake) { f.list = set("time", -1.0) }, "whole numbers"},
		{"networkId null", func(f *fake) { f.list = set("networkId", nil) }, "networkId is neither"},
		{"another network", func(f *fake) { f.list = set("networkId", networkB) }, "but /rtc tells of"},
		{"2 minutes old", func(f *fake) { f.list = set("time", f.now()-120_000) }, ""},
		{"older", func(f *fake) { f.list = set("time", f.now()-120_001) }, "the list is 2m0s old"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				f := newFake(t)
				c := clientOf(f, "", nil)
				if _, _, err := c.RTC(t.Context()); err != nil {
					t.Fatal(err)
				}
				f.rtc = nil
				tt.change(f)
				signedOnlyLists(f)
				list, err := c.Active(t.Context())
				wantError(t, err, tt.want)
				if err != nil && list.Nodes != nil {
					t.Errorf("with the error come the nodes %v", list.Nodes)
				}
			})
		})
	}
}

// signedOnlyLists keeps what a test does to signed objects away from /rtc.
func signedOnlyLists(f *fake) {
	change := f.signed
	f.signed = func(o signing.Object) {
		if _, ok := o["rtc"]; !ok {
			apply(change, o)
		}
	}
}

func TestMalformedEntriesAreLeftOut(t *testing.T) {
	f := newFake(t)
	without := func(name string) signing.Object {
		o := entryOf(3)
		delete(o, name)
		return o
	}
	with := func(name string, value any) signing.Object {
		o := entryOf(3)
		o[name] = value
		return o
	}
	f.nodes = []any{
		entryOf(1),
		without("id"), without("ip"), without("port"), without("publicKey"), without("peerId"),
		with("id", "x"), with("ip", "a b"), with("ip", 1.0), with("port", 0.0), with("port", "9001"), with("publicKey", "x"),
		with("peerId", ""), with("peerId", keyOf(4).Public()), with("peerId", nil),
		nil, "x", 1.0,
		[]any{},
		entryOf(2),
		with("peerId", keyOf(1).Public()), // not its own
		with("publicKey", keyOf(2).Public()),
		with("more", "members"),
		with("peerId", "another-one"), // but the key is listed
	}
	list, err := clientOf(f, "", nil).Active(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	var ports []int
	for _, n := range list.Nodes {
		ports = append(ports, n.Port)
	}
	if want := []int{9001, 9002, 9003}; !slices.Equal(ports, want) {
		t.Errorf("the nodes have the ports %v, want %v", ports, want)
	}
}

func TestAWrongLocalClockDoesNotMatter(t *testing.T) {
	for _, ahead := range []time.Duration{-24 * time.Hour, 24 * time.Hour} {
		synctest.Test(t, func(t *testing.T) {
			f := newFake(t)
			f.ahead = ahead
			c := clientOf(f, "", nil)
			_, info, err := c.RTC(t.Context())
			if err != nil || info.Skew != ahead || !info.Time.Equal(time.Now().Add(ahead)) {
				t.Errorf("RTC has %+v, %v, want a skew of %v", info, err, ahead)
			}
			if _, err := c.Active(t.Context()); err != nil {
				t.Error(err)
			}
			if err := c.Join(t.Context(), joinRequest(1), keyOf(1)); err != nil {
				t.Error(err)
			}
			if got := f.joined["timestamp"]; got != f.now() {
				t.Errorf("the join has the timestamp %v, want %v", got, f.now())
			}
			time.Sleep(time.Hour)
			if _, err := c.Active(t.Context()); err != nil {
				t.Error(err)
			}
			f.list = func(o signing.Object) { o["time"] = f.now() - 150_000 }
			_, err = c.Active(t.Context())
			wantError(t, err, "old: it is a replay")
		})
	}
}

func TestAClockThatIsSetIsNoticed(t *testing.T) {
	synctest.Test(t, func(t *testing.T) { // the archiver's clock is set back by an hour
		f := newFake(t)
		c := clientOf(f, "", nil)
		for _, ahead := range []time.Duration{0, -time.Hour, time.Hour} {
			f.ahead = ahead
			if _, err := c.Active(t.Context()); err != nil {
				t.Errorf("with a clock %v ahead: %v", ahead, err)
			}
		}
	})
}

func TestLowerEpochsAreRefused(t *testing.T) {
	path := stateFile(t)
	f := newFake(t)
	c := clientOf(f, "", openKnown(t, path))
	for _, tt := range []struct {
		epoch int
		want  string
	}{{7, ""}, {7, ""}, {9, ""}, {8, "the list has epoch 8, but 9 was seen before"}, {9, ""}, {10, ""}} {
		f.epoch = tt.epoch
		_, err := c.Active(t.Context())
		wantError(t, err, tt.want)
	}
	f.epoch = 9
	_, err := clientOf(f, "", openKnown(t, path)).Active(t.Context()) // the next program
	wantError(t, err, path)
	_, err = clientOf(f, f.key.Public(), openKnown(t, path)).Active(t.Context()) // also by pin
	wantError(t, err, "10 was seen before")
	f.key = keyOf(1001)
	if _, err := clientOf(f, f.key.Public(), openKnown(t, path)).Active(t.Context()); err != nil {
		t.Errorf("another key begins anew: %v", err)
	}
}
