package client_test

import (
	"errors"
	"strings"
	"testing"
	"testing/synctest"

	"github.com/liberdus/liberdus/internal/signing"
	"github.com/liberdus/liberdus/roles/client"
)

// What a program that stands in for a node answers, where three nodes say this of a transaction,
// one after the other: ID in their words is that of the transaction.
func TestRelayRules(t *testing.T) {
	const tx = `{"from":"a","type":"x","sign":{"owner":"a","sig":"b"}}`
	o, err := signing.ParseObject([]byte(tx))
	if err != nil {
		t.Fatal(err)
	}
	id, err := signing.TxID(o)
	if err != nil {
		t.Fatal(err)
	}
	const (
		taken   = `{"result":{"reason":"Transaction queued, poll for results.","status":200,"success":true,"txId":"ID"}}`
		own     = `{"result":{"success":true, "txId":"ID","status":200,"reason":"of its own"}}`
		queued  = `{"result":{"success":false,"reason":"Transaction is already in queue.","status":500}}`
		syncing = `{"result":{"success":false,"reason":"Node is still syncing.","status":500}}`
		late    = `{"result":{"success":false,"reason":"Transaction timestamp out of range","status":400}}`
	)
	for _, tt := range []struct {
		name      string
		nodes     []string
		receipt   string
		status    int // 0: an error
		want      string
		undecided bool
	}{
		{name: "taken", nodes: []string{"200 " + own}, status: 200, want: own},
		{name: "refused", nodes: []string{"200 " + late}, status: 200, want: late},
		{name: "in the queue, by another", nodes: []string{"200 " + queued}, status: 200, want: queued},
		{name: "syncing, then taken", nodes: []string{"200 " + syncing, "200 " + own}, status: 200, want: own},
		{name: "all syncing", nodes: []string{"200 " + syncing, "200 " + syncing, "200 " + syncing}, status: 200, want: syncing},
		{name: "no request at all", nodes: []string{`400 {"error":"no"}`}, status: 400, want: `{"error":"no"}`},
		{name: "no result", nodes: []string{`200 {"error":{}}`}, status: 200, want: `{"error":{}}`},
		{name: "lost, then taken", nodes: []string{"lost", "200 " + own}, status: 200, want: own},
		{name: "lost, then in the queue by the first", nodes: []string{"lost", "200 " + queued}, status: 200, want: taken},
		{name: "lost, refused, and it is there", nodes: []string{"lost", "200 " + late}, receipt: `{"success":true}`, status: 200, want: taken},
		{name: "lost, refused, and it is not", nodes: []string{"lost", "200 " + late}, receipt: `null`, status: 200, want: late},
		{name: "silent all", nodes: []string{"", "", ""}, receipt: `null`, undecided: true},
		{name: "busy all", nodes: []string{`429 {"x":1}`, `429 {"x":1}`, `429 {"x":2}`}, status: 429, want: `{"x":2}`},
		{name: "of another transaction", nodes: []string{`200 {"result":{"success":true,"txId":"8e","status":200}}`}, status: 200, want: `{"result":{"success":true,"txId":"8e","status":200}}`},
	} {
		for form, body := range map[string]string{"bare": tx, "wrapped": `{"tx":` + string(signing.MustCanonical(tx)) + `}`} {
			t.Run(tt.name+", "+form, func(t *testing.T) {
				synctest.Test(t, func(t *testing.T) {
					w, c := newTown(t, "a", "b", "c")
					v := &village{t: t, w: w, receipt: tt.receipt}
					for _, word := range tt.nodes {
						v.words = append(v.words, strings.ReplaceAll(word, "ID", id))
					}
					for _, name := range w.names {
						n := w.session(name)
						w.wg.Go(func() { v.serve(n) })
					}
					got, err := c.Relay(t.Context(), []byte(body))
					u, undecided := errors.AsType[*client.UndecidedError](err)
					switch {
					case undecided != tt.undecided || undecided && u.TxID != id:
						t.Errorf("error = %v, want it undecided: %v", err, tt.undecided)
					case (err == nil) != (tt.status != 0):
						t.Errorf("error = %v, want status %d", err, tt.status)
					case got.Status != tt.status || string(got.Body) != strings.ReplaceAll(tt.want, "ID", id):
						t.Errorf("= %d %s, want %d %s", got.Status, got.Body, tt.status, tt.want)
					}
					v.mu.Lock()
					defer v.mu.Unlock()
					if v.asked != len(tt.nodes) {
						t.Errorf("%d nodes were given it, want %d", v.asked, len(tt.nodes))
					}
				})
			})
		}
	}
}
