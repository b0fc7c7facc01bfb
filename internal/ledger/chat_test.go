package ledger_test

import (
	"bytes"
	"fmt"
	"math/big"
	"testing"

	"github.com/liberdus/liberdus/internal/ledger"
	"github.com/liberdus/liberdus/internal/signing"
)

func TestTransferShowsInTheChat(t *testing.T) {
	l := open(t, config())
	keys := users(t, l, 2)
	a, b := keys[0].Address(), keys[1].Address()
	tx := sign(keys[0], with(transferTx(keys[0], b, lib(20)), signing.Object{"memo": `for "hash":"" and "messages":[]`}))
	accept(t, l, tx)

	id := ledger.ChatID(a, b)
	from, to := account(t, l, a)["data"].(signing.Object), account(t, l, b)["data"].(signing.Object)
	ts := float64(now.UnixMilli())
	for _, c := range []struct {
		name      string
		data      signing.Object
		partner   string
		received  float64
		chatTime  float64
		wantFunds *big.Int
	}{
		{"sender", from, b, 0, 0, new(big.Int).Sub(lib(30), fee)},
		{"receiver", to, a, ts, ts, lib(70)},
	} {
		ref, _ := c.data["chats"].(signing.Object)[c.partner].(signing.Object)
		if ref["chatId"] != id || ref["receivedTimestamp"] != c.received || c.data["chatTimestamp"] != c.chatTime {
			t.Errorf("%s: %s", c.name, signing.MustCanonical(c.data))
		}
		if got := c.data["balance"].(*big.Int); got.Cmp(c.wantFunds) != 0 {
			t.Errorf("%s has %d, want %d", c.name, got, c.wantFunds)
		}
	}
	chat := account(t, l, id)
	checkHash(t, chat)
	messages := chat["messages"].([]any)
	if len(messages) != 1 || !bytes.Equal(signing.MustCanonical(messages[0]), signing.MustCanonical(tx)) {
		t.Errorf("messages = %s", signing.MustCanonical(messages))
	}
	wantRequired := []any{0.0, 1.0}
	if a > b {
		wantRequired = []any{1.0, 0.0}
	}
	if got := chat["toll"].(signing.Object)["required"]; !bytes.Equal(signing.MustCanonical(got), signing.MustCanonical(wantRequired)) {
		t.Errorf("toll required = %v, want %v", got, wantRequired)
	}
	if chat["timestamp"] != ts || chat["hasChats"] != false || chat["type"] != "ChatAccount" || len(chat) != 9 {
		t.Errorf("chat = %s", signing.MustCanonical(chat))
	}
}

func TestTransferWhereTheReceiverBearsTheFee(t *testing.T) {
	l := open(t, config())
	keys := users(t, l, 2)
	r := accept(t, l, sign(keys[0], with(transferTx(keys[0], keys[1].Address(), lib(50)), signing.Object{"deductTxFeeFromAmount": true})))
	received := new(big.Int).Sub(lib(50), fee)
	if got := r["additionalInfo"].(signing.Object)["amount"].(*big.Int); got.Cmp(received) != 0 {
		t.Errorf("receipt says %d, want %d", got, received)
	}
	if got := balance(t, l, keys[0].Address()); got.Sign() != 0 {
		t.Errorf("sender has %d, want 0", got)
	}
	checkSum(t, l)
}

func TestTransferToOneself(t *testing.T) {
	l := open(t, config())
	k := users(t, l, 1)[0]
	apply(t, l, k, transferTx(k, k.Address(), lib(49)))
	if got, want := balance(t, l, k.Address()), new(big.Int).Sub(lib(50), fee); got.Cmp(want) != 0 {
		t.Errorf("balance = %d, want %d", got, want)
	}
}

// TestChatIsBounded fills a chat to its limit and past it.
func TestChatIsBounded(t *testing.T) {
	const limit = 500 // messageMaxLength of the network
	l := open(t, config())
	k := users(t, l, 1)[0]
	apply(t, l, k, createTx(k, lib(10_000)))
	for i := range limit + 3 {
		apply(t, l, k, transferTx(k, k.Address(), big.NewInt(int64(i)+1)))
	}
	chat := account(t, l, ledger.ChatID(k.Address(), k.Address()))
	checkHash(t, chat)
	messages := chat["messages"].([]any)
	if len(messages) != limit {
		t.Fatalf("%d messages, want %d", len(messages), limit)
	}
	for i, m := range messages {
		if got := m.(signing.Object)["amount"].(*big.Int).Int64(); got != int64(i)+4 {
			t.Fatalf("message %d has amount %d, want %d", i, got, i+4)
		}
	}
}

// TestPartnersAreBounded: the partner who was silent for longest is forgotten,
// and never the one who wrote just now.
func TestPartnersAreBounded(t *testing.T) {
	partners := make(map[string]int64)
	for i := range ledger.MaxChats {
		partners[fmt.Sprint("p", i)] = int64(i)
	}
	for _, tt := range []struct {
		name     string
		partner  string
		received int64
		gone     string // empty: nobody
	}{
		{"a known one", "p5", 7, ""},
		{"a new one", "q", 7, "p0"},
		{"a new one who was only written to", "a", 0, "p0"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			got := ledger.Chatted(partners, tt.partner, tt.received)
			if _, there := got[tt.gone]; len(got) != ledger.MaxChats || there {
				t.Errorf("%d partners, want %d without %q", len(got), ledger.MaxChats, tt.gone)
			}
		})
	}
}
