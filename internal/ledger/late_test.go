package ledger_test

import (
	"fmt"
	"slices"
	"testing"
	"time"

	"pgregory.net/rapid"

	"github.com/liberdus/liberdus/internal/ledger"
	"github.com/liberdus/liberdus/internal/signing"
)

// TestMessagesThatComeLate: what is dated before a message that came earlier is
// listed as long as nothing newer is known to who asks, and a chat in order is
// listed by dates alone.
func TestMessagesThatComeLate(t *testing.T) {
	for _, tt := range []struct {
		name  string
		dates []int // in ms after the chat's begin, as they came
		since int
		want  []int // places in dates
	}{
		{"in order, from the last", []int{0, 10, 20}, 20, []int{2}},
		{"in order, after the last", []int{0, 10, 20}, 21, nil},
		{"in order, just before the last", []int{0, 10, 20}, 19, []int{2}},
		{"in order, between", []int{0, 10, 20}, 11, []int{2}},
		{"late, from the newest", []int{0, 20, 10}, 20, []int{1, 2}},
		{"late, after the newest", []int{0, 20, 10}, 21, []int{2}},
		{"late, and one that is newer", []int{0, 20, 10, 30}, 30, []int{3}},
		{"late, and after one that is newer", []int{0, 20, 10, 30}, 31, nil},
		{"late, between", []int{0, 20, 10, 30}, 15, []int{1, 2, 3}},
		{"of the same time, after it", []int{0, 20, 20}, 21, []int{2}},
		{"late twice", []int{20, 10, 5}, 21, []int{1, 2}},
		{"long after", []int{20, 10, 5}, 22, nil},
	} {
		t.Run(tt.name, func(t *testing.T) {
			p := newPair(t)
			begin := p.clock.UnixMilli()
			for _, ms := range tt.dates {
				p.at(t, p.alice, begin+int64(ms))
			}
			all := p.since(t, 0)
			var want []string
			for _, i := range tt.want {
				want = append(want, all[i])
			}
			if got := p.since(t, float64(begin+int64(tt.since))); !slices.Equal(got, want) {
				t.Errorf("since %d: %d listed, want %d:\n%s\nwant\n%s", tt.since, len(got), len(want), got, want)
			}
		})
	}
}

// TestPollersMissNothing: whoever asks from the newest timestamp that he was given,
// or from the next millisecond, gets everything, in whatever order it is dated.
func TestPollersMissNothing(t *testing.T) {
	rapid.Check(t, func(rt *rapid.T) {
		p := newPair(t)
		defer p.l.Close()
		begin := p.clock
		type poller struct {
			name   string
			more   int64 // than the newest
			paged  bool
			newest int64
			seen   map[string]bool
		}
		pollers := []*poller{{name: "from the newest"}, {name: "after the newest", more: 1}, {name: "by pages", more: 1, paged: true}}
		for _, r := range pollers {
			r.seen = map[string]bool{}
		}
		poll := func(r *poller) {
			since := float64(0)
			if r.newest > 0 {
				since = float64(r.newest + r.more)
			}
			list := p.since(t, since)
			if r.paged {
				list = p.pages(t, since)
			}
			for _, text := range list {
				r.seen[text] = true
				r.newest = max(r.newest, timestampOf(t, text))
			}
		}
		for range rapid.IntRange(1, 12).Draw(rt, "steps") {
			p.clock = p.clock.Add(time.Duration(rapid.IntRange(0, 3).Draw(rt, "seconds")) * time.Second)
			date := p.clock.UnixMilli() + int64(rapid.SampledFrom([]int{-5000, -2000, -1, 0, 1, 2000, 5000}).Draw(rt, "off"))
			k := rapid.SampledFrom([]*signing.UserKey{p.alice, p.bob}).Draw(rt, "sender")
			p.at(t, k, date)
			for _, r := range pollers {
				if rapid.Bool().Draw(rt, r.name) {
					poll(r)
				}
			}
		}
		p.clock = begin.Add(time.Hour)
		p.at(t, p.alice, p.clock.UnixMilli()) // nothing is late any more
		for _, r := range pollers {
			poll(r)
			for i, text := range p.since(t, 0) {
				if !r.seen[text] {
					rt.Errorf("who polls %s has missed number %d: %s", r.name, i, text)
				}
			}
		}
	})
}

// at sends one wei from k to the other one, dated ms.
func (p *pair) at(t testing.TB, k *signing.UserKey, ms int64) {
	t.Helper()
	p.sent++
	tx := with(transferTx(k, p.other(k), one), signing.Object{"timestamp": float64(ms), "n": float64(p.sent)})
	apply(t, p.l, k, tx)
}

// since is what the chat lists since a time, in text.
func (p *pair) since(t testing.TB, since float64) []string {
	t.Helper()
	list, err := p.l.Messages(t.Context(), ledger.ChatID(p.alice.Address(), p.bob.Address()), since)
	if err != nil {
		t.Fatal(err)
	}
	return texts(t, list)
}

// pages is the same, page by page.
func (p *pair) pages(t testing.TB, since float64) (all []string) {
	t.Helper()
	for from := int64(0); ; {
		list, next, err := p.l.MessagePage(t.Context(), ledger.ChatID(p.alice.Address(), p.bob.Address()), since, from)
		if err != nil {
			t.Fatal(err)
		}
		all = append(all, texts(t, list)...)
		if from = next; next == 0 {
			return all
		}
	}
}

func texts(t testing.TB, list []byte) (texts []string) {
	t.Helper()
	o, err := signing.ParseObject(fmt.Appendf(nil, `{"list":%s}`, list))
	if err != nil {
		t.Fatal(err)
	}
	for _, m := range o["list"].([]any) {
		texts = append(texts, string(signing.MustCanonical(m)))
	}
	return texts
}

func timestampOf(t testing.TB, text string) int64 {
	t.Helper()
	o, err := signing.ParseObject([]byte(text))
	if err != nil {
		t.Fatal(err)
	}
	return int64(o["timestamp"].(float64))
}
