package api_test

import (
	"context"
	"encoding/json"
	"testing"
	"time"

	"github.com/liberdus/liberdus/internal/rpc"
)

// FuzzPollQuery: whatever the query, a poll is answered with the newest chat or
// a fault, and leaves nothing.
func FuzzPollQuery(f *testing.F) {
	for _, q := range []string{
		"account=u&chatTimestamp=7", "account=u", "chatTimestamp=1e3&account=u", "account=%75&chatTimestamp=+7",
		"account=u&chatTimestamp=NaN", "account=u&chatTimestamp=0x7p1", "account=u;x", "%zz", "account=..", "account=u&account=v", "",
	} {
		f.Add(q)
	}
	f.Fuzz(func(t *testing.T, query string) {
		users := &userFeed{newest: 7}
		a := polling(users, 1)
		ctx, cancel := context.WithTimeout(t.Context(), 500*time.Millisecond) // less than is left to answer in
		defer cancel()
		got := a.Handle(ctx, rpc.Request{URL: "collector/api/poll?" + query, Method: "GET"})
		if (got.Status != 200 || string(got.Body) != `{"chatTimestamp":7,"success":true}`) && got.Status != 400 || !json.Valid(got.Body) {
			t.Errorf("poll ?%s = %d %s", query, got.Status, got.Body)
		}
		if n := users.count(); n != 0 {
			t.Errorf("%d watches are left", n)
		}
	})
}
