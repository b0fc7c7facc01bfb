package api

import (
	"context"
	"net/url"
	"strings"

	"github.com/liberdus/liberdus/internal/rpc"
)

// collected answers what wallets ask of the network's collector, a database of
// old transactions, once a receipt is overdue: collector/api/transaction with the
// id in the query. The answer is that of transaction/<id>, here and behind.
func (a *API) collected(ctx context.Context, _ params, r rpc.Request) (rpc.Response, error) {
	_, query, _ := strings.Cut(r.URL, "?")
	values, err := url.ParseQuery(query)
	if err != nil {
		return rpc.Response{}, &badRequest{"query: " + err.Error()}
	}
	id := strings.ToLower(values.Get("appReceiptId"))
	switch {
	case id == "":
		return rpc.Encoded([]byte(`{"reason":"Not specified which transaction to query","success":false}`)), nil
	case len(id) != 64 || !isPlain(id):
		return rpc.Encoded([]byte(`{"error":"Invalid app receipt id","success":false}`)), nil
	case a.upstream != nil:
		return a.upstream.Do(ctx, "GET", "/transaction/"+id, nil), nil
	}
	return a.transaction(ctx, params{id}, r)
}
