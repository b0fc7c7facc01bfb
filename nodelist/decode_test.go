package nodelist_test

import (
	"slices"
	"testing"

	"github.com/liberdus/liberdus/internal/signing"
	"github.com/liberdus/liberdus/nodelist"
)

// A list as a real Shardus archiver answers it: none of ours.
const realList = `{"nodeList":[{"id":"35894292f91215a0c7e1dafea8fb46890275ea4fb61d73d39bc0eb227940b99b","ip":"127.0.0.1","port":9002,` +
	`"publicKey":"83b74471c321b1b32146f4e8ff69998e8acbdeade6ed945623a2d4d03850acd1"}],"sign":{"owner":"758b","sig":"712b"}}`

func FuzzDecodeList(f *testing.F) {
	list := signing.Object{
		"nodeList": []any{entryOf(1), entryOf(1), entryOf(2), signing.Object{}}, "networkId": networkA, "time": 1.0,
		"epoch": 7.0, "list": "active", "sign": signing.Object{},
	}
	f.Add(signing.MustCanonical(list))
	f.Add([]byte(realList))
	f.Add([]byte(`{"epoch":1e400,"list":"active","networkId":"","nodeList":[[]],"sign":0,"time":0}`))
	f.Fuzz(func(t *testing.T, text []byte) {
		o, err := signing.ParseObject(text)
		if err != nil {
			return
		}
		list, err := nodelist.DecodeList(o, "active")
		if err != nil {
			return
		}
		var peers, keys []string
		for _, n := range list.Nodes {
			peers, keys = append(peers, n.PeerID), append(keys, n.PublicKey)
			if n.Port < 1 || n.Port > 65535 || !nodelist.IsKey(n.PublicKey) || n.PeerID == "" || n.IP == "" {
				t.Fatalf("the node %+v is taken", n)
			}
		}
		slices.Sort(peers)
		slices.Sort(keys)
		if len(slices.Compact(peers)) != len(list.Nodes) || len(slices.Compact(keys)) != len(list.Nodes) {
			t.Fatalf("a peerId or key is there twice: %+v", list.Nodes)
		}
	})
}

func FuzzDecodeRTC(f *testing.F) {
	f.Add([]byte(`{"networkId":"","nonce":"n","purpose":"liberdus-rtc","rtc":{"host":"h","iceServers":[{"urls":["stun:a"]}],` +
		`"key":"liberdus","path":"/liberdus-peer","port":6080,"secure":true},"sign":{},"time":1}`))
	f.Add([]byte(`{"networkId":"","nonce":"n","purpose":"liberdus-rtc","rtc":[],"sign":{},"time":1}`))
	f.Fuzz(func(t *testing.T, text []byte) {
		o, err := signing.ParseObject(text)
		if err != nil {
			return
		}
		rtc, _, err := nodelist.DecodeRTC(o, "n")
		if err == nil && (rtc.Port < 1 || rtc.Port > 65535 || rtc.Path[0] != '/' || rtc.ICEServers == nil) {
			t.Fatalf("%+v is taken", rtc)
		}
	})
}

func TestARealArchiversListIsRefused(t *testing.T) {
	o, err := signing.ParseObject([]byte(realList))
	if err != nil {
		t.Fatal(err)
	}
	if _, err := nodelist.DecodeList(o, "active"); err == nil {
		t.Error("a list without time and epoch is taken")
	}
}
