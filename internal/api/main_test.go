package api_test

import (
	"bufio"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"math/big"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync"
	"testing"

	"go.uber.org/goleak"

	"github.com/liberdus/liberdus/internal/api"
	"github.com/liberdus/liberdus/internal/ledger"
	"github.com/liberdus/liberdus/internal/rpc"
	"github.com/liberdus/liberdus/internal/signing"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// A fake is a ledger that answers with what its functions say.
type fake struct {
	put     func(ctx context.Context, tx signing.Object) (ledger.Result, error)
	account func(ctx context.Context, id string) (json.RawMessage, error)
	list    func(ctx context.Context, chatID string) (json.RawMessage, error)
	receipt func(ctx context.Context, id string) (json.RawMessage, error)
	unwell  error
}

var _ api.Ledger = fake{}

func (f fake) Put(ctx context.Context, tx signing.Object) (ledger.Result, error) {
	return f.put(ctx, tx)
}

func (f fake) Account(ctx context.Context, id string) (json.RawMessage, error) {
	return f.account(ctx, id)
}

func (f fake) Receipt(ctx context.Context, id string) (json.RawMessage, error) {
	return f.receipt(ctx, id)
}

func (f fake) Head(ctx context.Context, id string) (json.RawMessage, error) {
	return f.account(ctx, id)
}

func (f fake) Messages(ctx context.Context, id string, since float64) (json.RawMessage, error) {
	list, err := f.list(ctx, id)
	if list != nil {
		list = fmt.Appendf(nil, `[{"since":%v}]`, since)
	}
	return list, err
}

// MessagePage has three pages.
func (f fake) MessagePage(ctx context.Context, id string, since float64, from int64) (json.RawMessage, int64, error) {
	list, err := f.list(ctx, id)
	if list != nil {
		list = fmt.Appendf(nil, `[{"from":%d,"since":%v}]`, from, since)
	}
	return list, (from + 1) % 3, err
}

func (f fake) Healthy() error { return f.unwell }

func (f fake) StakeRequired() *big.Int { return big.NewInt(0x29b338ad) }

// working accepts what is signed by "alice", and has one account and one
// receipt. What it was asked shows in its answers.
func working() fake {
	return fake{
		put: func(_ context.Context, tx signing.Object) (ledger.Result, error) {
			if tx["from"] != "alice" {
				return ledger.Result{Reason: fmt.Sprintf("not alice but %v", tx["from"]), Status: 400}, nil
			}
			return ledger.Result{Success: true, Reason: "queued", Status: 200, TxID: string(signing.MustCanonical(tx))}, nil
		},
		account: found("a1", `{"balance":{"dataType":"bi","value":"1f"},"id":"a1"}`),
		list:    found("c1", `[]`),
		receipt: found("t1", `{"success":true,"txId":"t1"}`),
	}
}

func found(id, data string) func(context.Context, string) (json.RawMessage, error) {
	return func(_ context.Context, asked string) (json.RawMessage, error) {
		switch asked {
		case id, "id", "a/b c?d", "ü":
			return json.RawMessage(data), nil
		}
		if id == "t1" && asked == receiptID {
			return json.RawMessage(`{"success":false}`), nil
		}
		if text, found := others[asked]; found && id == "a1" {
			return json.RawMessage(text), nil
		}
		return nil, nil
	}
}

// others are accounts of each type beside a1, and the network's.
var others = map[string]string{
	"u1": `{"alias":"bob","data":{"balance":{"dataType":"bi","value":"2a"},"chats":{` +
		`"p1":{"chatId":"c1","receivedTimestamp":1000},"p2":{"chatId":"c2","receivedTimestamp":2000}},` +
		`"friends":{},"toll":{"dataType":"bi","value":"7"}},"operatorAccountInfo":{"nominee":"n1"},"timestamp":3000,"type":"UserAccount"}`,
	"u2": `{"alias":null,"data":{"balance":{"dataType":"bi","value":"0"},"chats":{},"friends":{},"toll":{"dataType":"bi","value":"7"}},"timestamp":3000,"type":"UserAccount"}`,
	"u3": `{"data":{"chats":{"p1":{"chatId":"c1","receivedTimestamp":0}}},"timestamp":3000,"type":"UserAccount"}`, // has only sent
	"n1": `{"stakeTimestamp":946684798200,"type":"NodeAccount"}`,                                                  // 1.8 s before a bubble's clock begins
	"n2": `{"stakeTimestamp":946682999999,"type":"NodeAccount"}`,
	"n3": `{"stakeTimestamp":0,"type":"NodeAccount"}`,
	"c1": `{"messages":[],"read":[0,5],"replied":[0,6],"toll":{"required":[1,0]},"type":"ChatAccount"}`,
	"h1": `{"address":"u1","inbox":"bob","type":"AliasAccount"}`,
	ledger.NetworkAccountID: `{"current":{"activeVersion":"2.4.8","restakeCooldown":1800000},"devIssue":2,"devWindows":null,"developerFund":[],` +
		`"issue":1,"listOfChanges":[],"next":{"title":"x"},"nextDevWindows":{},"nextDeveloperFund":[],"nextWindows":{},"type":"NetworkAccount","windows":{"start":1}}`,
}

func newAPI(l api.Ledger) *api.API {
	info := func() signing.Object { return signing.Object{"publicKey": "pk", "externalPort": 9001} }
	return api.New(l, info, slog.New(slog.NewTextHandler(io.Discard, nil)))
}

// An answer is what either door gave.
type answer struct {
	Status int
	Body   string
}

// overHTTP reads a request as a server does, and answers it. It is false for
// what no server would hand to a handler.
func overHTTP(t testing.TB, a http.Handler, method, target, body string) (answer, bool) {
	t.Helper()
	text := fmt.Sprintf("%s %s HTTP/1.1\r\nHost: node\r\nContent-Length: %d\r\n\r\n%s", method, target, len(body), body)
	r, err := http.ReadRequest(bufio.NewReader(strings.NewReader(text)))
	if err != nil || r.Method != method {
		return answer{}, false
	}
	w := httptest.NewRecorder()
	a.ServeHTTP(w, r)
	if got, want := w.Header().Get("Content-Length"), fmt.Sprint(w.Body.Len()); got != want {
		t.Errorf("%s %s: Content-Length = %s, want %s", method, target, got, want)
	}
	if got, want := w.Header().Get("Content-Type"), "application/json; charset=utf-8"; got != want {
		t.Errorf("%s %s: Content-Type = %s, want %s", method, target, got, want)
	}
	return answer{w.Code, w.Body.String()}, true
}

// overChannel answers a request that came as a message. An empty body is none.
func overChannel(t testing.TB, a *api.API, method, target, body string) answer {
	t.Helper()
	text := fmt.Appendf(nil, `{"id":1,"method":%s,"url":%s`, quote(method), quote(target))
	if body != "" {
		text = fmt.Appendf(text, `,"body":%s`, body)
	}
	text = append(text, '}')
	s := &script{in: text}
	if err := rpc.Serve(t.Context(), s, rpc.DefaultServerConfig("node"), a.Handle, slog.New(slog.NewTextHandler(io.Discard, nil))); !errors.Is(err, io.EOF) {
		t.Errorf("Serve = %v, want %v", err, io.EOF)
	}
	var reply struct {
		ID     int
		Status int
		Body   json.RawMessage
	}
	if err := json.Unmarshal(s.out, &reply); err != nil || reply.ID != 1 {
		t.Errorf("reply = %s, %v", s.out, err)
	}
	return answer{reply.Status, string(reply.Body)}
}

func quote(s string) []byte {
	text, err := json.Marshal(s)
	if err != nil {
		panic(err)
	}
	return text
}

// A script is a stream with one message in it.
type script struct {
	in []byte // owned by Recv

	mu  sync.Mutex
	out []byte
}

func (s *script) Recv() ([]byte, error) {
	msg := s.in
	s.in = nil
	if msg == nil {
		return nil, io.EOF
	}
	return msg, nil
}

func (s *script) Send(_ context.Context, msg []byte) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.out = append(s.out, msg...)
	return nil
}

func (s *script) MaxSend() int { return 1 << 20 }
