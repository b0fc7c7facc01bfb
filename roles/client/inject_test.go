package client_test

import (
	"encoding/json"
	"errors"
	"fmt"
	"strings"
	"sync"
	"testing"
	"testing/synctest"

	"github.com/liberdus/liberdus/roles/client"
)

// What becomes of a transaction at three nodes that say this of it, one after the other; "" is a
// node that says nothing, and "lost" one whose session ends instead. Nodes that are not to be
// asked have no word here.
func TestInjectRules(t *testing.T) {
	const id = "7d"
	refused := func(status int, reason string) string {
		return fmt.Sprintf(`200 {"result":{"success":false,"reason":%q,"status":%d}}`, reason, status)
	}
	const taken = `200 {"result":{"success":true,"txId":"7d","reason":"Transaction queued, poll for results.","status":200}}`
	for _, tt := range []struct {
		name    string
		nodes   []string
		receipt string // what all nodes have of it; "" = it must not be asked for
		success bool
		says    string // of the reason, or of the error
		failed  bool   // an error other than that it is refused
	}{
		{name: "taken", nodes: []string{taken}, success: true, says: "queued"},
		{name: "1: syncing", nodes: []string{refused(500, "Node is still syncing."), taken}, success: true},
		{name: "2: no shard data", nodes: []string{refused(500, "Not ready to accept transactions, shard calculations pending"), taken}, success: true},
		{name: "3: too few nodes", nodes: []string{refused(500, "Network conditions to allow transactions are not met."), taken}, success: true},
		{name: "4: load", nodes: []string{refused(500, "Maximum load exceeded."), taken}, success: true},
		{name: "5: mode", nodes: []string{refused(500, "Application transactions are only allowed in processing Mode."), taken}, success: true},
		{name: "5: off", nodes: []string{refused(500, "Application transactions are turned off."), taken}, success: true},
		{name: "5: internal", nodes: []string{refused(500, "Internal transactions are not allowed in safety Mode."), taken}, success: true},
		{name: "all syncing", nodes: []string{refused(500, "Node is still syncing."), refused(500, "Node is still syncing."), refused(500, "Node is still syncing.")}, says: "syncing"},
		{name: "6: in the queue", nodes: []string{refused(500, "Transaction is already in queue.")}, success: true},
		{name: "7: no sender", nodes: []string{refused(500, "Sender address is not available.")}, says: "Sender"},
		{name: "9: pre-crack", nodes: []string{refused(500, "PreCrack has failed. insufficient balance")}, says: "insufficient"},
		{name: "10: validation", nodes: []string{refused(400, "incorrect signing")}, says: "incorrect"},
		{name: "14: too late", nodes: []string{refused(400, "Transaction timestamp out of range")}, says: "out of range"},
		{name: "lost, then taken", nodes: []string{"lost", taken}, success: true},
		{name: "lost, then in the queue", nodes: []string{"lost", refused(500, "Transaction is already in queue.")}, success: true},
		{name: "lost, refused, and it is there", nodes: []string{"lost", refused(400, "Transaction timestamp out of range")}, receipt: `{"success":true}`, success: true},
		{name: "lost, refused, and it is not", nodes: []string{"lost", refused(400, "Transaction timestamp out of range")}, receipt: `null`, says: "out of range"},
		{name: "lost, syncing, refused, and it is there", nodes: []string{"lost", refused(500, "Node is still syncing."), refused(500, "PreCrack has failed. x")}, receipt: `{"success":true}`, success: true},
		{name: "silent, then taken", nodes: []string{"", taken}, success: true},
		{name: "silent, refused, and it is there", nodes: []string{"", refused(500, "PreCrack has failed. insufficient balance")}, receipt: `{"success":true}`, success: true},
		{name: "silent all", nodes: []string{"", "", ""}, receipt: `null`, failed: true, says: "not acknowledged"},
		{name: "busy, then taken", nodes: []string{`429 {"error":"too many requests","code":"busy"}`, taken}, success: true},
		{name: "its node is gone, then taken", nodes: []string{`503 {"error":"the node behind","code":"unavailable"}`, taken}, success: true},
		{name: "out of time, refused, and it is there", nodes: []string{`504 {"error":"late","code":"timeout"}`, refused(500, "PreCrack has failed. x")}, receipt: `{"success":true}`, success: true},
		{name: "no request at all", nodes: []string{`400 {"error":"no","code":"bad-request"}`}, failed: true, says: "answers 400"},
		{name: "no result", nodes: []string{`200 {"error":{}}`}, failed: true, says: "not a result"},
		{name: "of another transaction", nodes: []string{`200 {"result":{"success":true,"txId":"8e","status":200}}`}, failed: true, says: "8e"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				w, c := newTown(t, "a", "b", "c")
				v := &village{t: t, w: w, words: tt.nodes, receipt: tt.receipt}
				for _, name := range w.names {
					n := w.session(name)
					w.wg.Go(func() { v.serve(n) })
				}
				got, err := client.InjectBody(t.Context(), c, id)
				switch {
				case (err != nil) != tt.failed || err != nil && !strings.Contains(err.Error(), tt.says):
					t.Errorf("error = %v, want one: %v, with %q", err, tt.failed, tt.says)
				case err == nil && (got.Success != tt.success || got.TxID != id || !strings.Contains(got.Reason, tt.says)):
					t.Errorf("= %+v, want success %v and a reason with %q", got, tt.success, tt.says)
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

// A village is nodes that speak in the order in which they are asked.
type village struct {
	t       *testing.T
	w       *town
	words   []string
	receipt string

	mu    sync.Mutex
	asked int
}

func (v *village) serve(n *fakeNode) {
	for {
		select {
		case <-n.end:
			return
		case msg := <-n.in:
			if word := v.word(msg); word == "lost" {
				v.w.follow(n.id, v.serve) // the session is gone, not the node
				n.lose()
			} else if word != "" {
				status, body, _ := strings.Cut(word, " ")
				n.out <- fmt.Appendf(nil, `{"id":%q,"type":"inject","status":%s,"body":%s}`, idOf(msg), status, body)
			}
		}
	}
}

func (v *village) word(msg []byte) string {
	var r struct{ URL string }
	if err := json.Unmarshal(msg, &r); err != nil {
		v.t.Error(err)
	}
	v.mu.Lock()
	defer v.mu.Unlock()
	switch {
	case r.URL == "inject" && v.asked < len(v.words):
		v.asked++
		return v.words[v.asked-1]
	case r.URL == "inject":
		v.asked++
		return ""
	case v.receipt == "":
		v.t.Errorf("asked for %s", r.URL)
	}
	return `200 {"transaction":` + v.receipt + `}`
}

// What cannot be a transaction is not sent.
func TestInjectNonsense(t *testing.T) {
	c := client.NewPooled(nil, patient)
	defer c.Close()
	for _, text := range []string{"", "[]", "nonsense", `"x"`, `{"a":{"dataType":"bi","value":"-"}}`} {
		_, err := c.Inject(t.Context(), []byte(text))
		if _, usage := errors.AsType[*client.UsageError](err); !usage {
			t.Errorf("Inject(%s) = %v, want a usage error", text, err)
		}
	}
}
