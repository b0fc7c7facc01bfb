package signing_test

import (
	"fmt"
	"testing"

	"github.com/liberdus/liberdus/internal/signing"
)

func BenchmarkSignList(b *testing.B) {
	k := nodeKeyA(b)
	nodes := make([]signing.Object, 2000)
	for i := range nodes {
		id := signing.Hash(fmt.Appendf(nil, "%d", i))
		nodes[i] = signing.Object{"id": id, "ip": "10.0.0.1", "port": 9001, "publicKey": id, "peerId": id}
	}
	list := signing.Object{"nodeList": nodes, "time": 1700000000000.0, "epoch": 7, "list": "active"}
	for b.Loop() {
		if _, err := k.Sign(list); err != nil {
			b.Fatal(err)
		}
	}
}

func BenchmarkTransaction(b *testing.B) {
	tx := []byte(loadVectors(b).UserTx[1].SignedTx)
	b.Run("parse", func(b *testing.B) {
		for b.Loop() {
			if _, err := signing.ParseObject(tx); err != nil {
				b.Fatal(err)
			}
		}
	})
	o := parseObject(b, string(tx))
	b.Run("id", func(b *testing.B) {
		for b.Loop() {
			if _, err := signing.TxID(o); err != nil {
				b.Fatal(err)
			}
		}
	})
	b.Run("verify", func(b *testing.B) {
		for b.Loop() {
			if _, err := signing.VerifyTx(o); err != nil {
				b.Fatal(err)
			}
		}
	})
}
