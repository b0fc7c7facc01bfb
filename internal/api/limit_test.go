package api_test

import (
	"context"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/liberdus/liberdus/internal/api"
	"github.com/liberdus/liberdus/internal/ledger"
	"github.com/liberdus/liberdus/internal/rpc"
	"github.com/liberdus/liberdus/internal/signing"
)

// Transactions in hand are bounded by their bytes: further ones wait, and are
// refused only when their time is up.
func TestTransactionsInHandAreBounded(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		release := make(chan struct{})
		a := newAPI(fake{put: func(context.Context, signing.Object) (ledger.Result, error) {
			<-release
			return ledger.Result{Success: true, Status: 200}, nil
		}})
		large := []byte(`{"memo":"` + strings.Repeat("x", api.MaxBody-11) + `"}`)
		inject := func(within time.Duration, body []byte) rpc.Response {
			ctx, cancel := context.WithTimeout(t.Context(), within)
			defer cancel()
			return a.Handle(ctx, rpc.Request{URL: "inject", Method: "POST", Body: body})
		}
		var wg sync.WaitGroup
		for range 8 {
			wg.Go(func() {
				if got := inject(time.Hour, large); got.Status != 200 {
					t.Errorf("one of the first eight = %d %s, want 200", got.Status, got.Body)
				}
			})
		}
		synctest.Wait()
		if got := inject(time.Second, []byte(`{}`)); got.Status != 429 || !strings.Contains(string(got.Body), `"busy"`) {
			t.Errorf("the ninth = %d %s, want 429 busy", got.Status, got.Body)
		}
		wg.Go(func() {
			if got := inject(time.Hour, large); got.Status != 200 {
				t.Errorf("one that waited = %d %s, want 200", got.Status, got.Body)
			}
		})
		synctest.Wait()
		close(release)
		wg.Wait()
	})
}
