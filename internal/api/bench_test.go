package api_test

import (
	"context"
	"encoding/json"
	"fmt"
	"strings"
	"testing"

	"github.com/liberdus/liberdus/internal/rpc"
)

// BenchmarkParts is what a part of an account costs beside the whole of it, for
// users who know one partner, and a thousand.
func BenchmarkParts(b *testing.B) {
	for _, partners := range []int{1, 1000} {
		var chats []string
		for i := range partners {
			chats = append(chats, fmt.Sprintf(`"%064x":{"chatId":"%064x","receivedTimestamp":%d}`, i, i, i))
		}
		text := json.RawMessage(strings.Replace(others["u1"], `"p1":{"chatId":"c1","receivedTimestamp":1000}`, strings.Join(chats, ","), 1))
		l := working()
		l.account = func(context.Context, string) (json.RawMessage, error) { return text, nil }
		a := newAPI(l)
		for _, path := range []string{"account/u1", "account/u1/balance", "account/u1/chats/1"} {
			b.Run(fmt.Sprintf("partners=%d/%s", partners, strings.ReplaceAll(path, "/", "-")), func(b *testing.B) {
				for b.Loop() {
					if resp := a.Handle(b.Context(), rpc.Request{URL: path, Method: "GET"}); resp.Status != 200 {
						b.Fatal(resp.Status)
					}
				}
			})
		}
	}
}
