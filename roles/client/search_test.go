package client_test

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"testing"
	"testing/synctest"
	"time"

	"github.com/liberdus/liberdus/roles/client"
	"github.com/liberdus/liberdus/rtc"
)

// Who is listed and absent is dialled again after the others, as long as there
// is time; who fails otherwise is not.
func TestAbsentNodesAreDialledAgain(t *testing.T) {
	const second = time.Second
	broken := errors.New("broken")
	for _, tt := range []struct {
		name    string
		peers   []string
		back    map[string]time.Duration // when an absent one is back; 0 = never; not named = it is broken
		patient bool
		window  time.Duration // in which who is absent is waited for
		want    string        // who is found
		err     error
		dialled []string // at first
		least   time.Duration
		most    time.Duration
	}{
		{name: "back after a second", peers: []string{"a"}, back: map[string]time.Duration{"a": second}, patient: true, window: 20 * second, want: "a", least: second, most: 1500 * time.Millisecond},
		{name: "others first", peers: []string{"a", "b", "c"}, back: map[string]time.Duration{"a": second, "c": second / 2}, patient: true, window: 20 * second, want: "c", dialled: []string{"a", "b", "c", "a", "c"}, least: second / 2, most: second},
		{name: "never", peers: []string{"a"}, back: map[string]time.Duration{"a": 0}, patient: true, window: 4 * second, err: rtc.ErrPeerAbsent, least: 4 * second, most: 4 * second},
		{name: "broken", peers: []string{"a"}, patient: true, window: 4 * second, err: broken, dialled: []string{"a"}},
		{name: "somebody who does not wait", peers: []string{"a"}, back: map[string]time.Duration{"a": second}, window: 4 * second, err: rtc.ErrPeerAbsent, dialled: []string{"a"}},
		{name: "three at most", peers: []string{"a", "b", "c", "d"}, patient: true, window: 4 * second, err: broken, dialled: []string{"a", "b", "c"}},
		{name: "nobody", patient: true, window: second, err: client.ErrNoOther},
	} {
		t.Run(tt.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				ctx, cancel := context.WithTimeout(t.Context(), 20*second)
				defer cancel()
				back, cancel := context.WithTimeout(ctx, tt.window)
				defer cancel()
				var dialled []string
				var last time.Time
				began := time.Now()
				got, err := client.Attempt(ctx, back, client.NewSearch(tt.patient), tt.peers, func(_ context.Context, peer string) error {
					if pause := time.Since(last); slices.Contains(dialled, peer) && pause > 0 && (pause < 200*time.Millisecond || pause > 500*time.Millisecond) {
						t.Errorf("%s is dialled again after %v", peer, pause)
					}
					dialled, last = append(dialled, peer), time.Now()
					at, absent := tt.back[peer]
					switch {
					case !absent:
						return broken
					case at == 0 || time.Since(began) < at:
						return fmt.Errorf("dial: %w", rtc.ErrPeerAbsent)
					}
					return nil
				}, func(peer string) { t.Errorf("the session with %s was closed", peer) })
				if got != tt.want || !errors.Is(err, tt.err) {
					t.Errorf("= %q, %v; want %q, %v", got, err, tt.want, tt.err)
				}
				if took := time.Since(began); took < tt.least || took > tt.most {
					t.Errorf("it took %v, want %v to %v", took, tt.least, tt.most)
				}
				if n := len(tt.dialled); len(dialled) < n || !slices.Equal(dialled[:n], tt.dialled) || n == 1 && len(dialled) > 1 {
					t.Errorf("dialled %v, want %v at first", dialled, tt.dialled)
				}
			})
		})
	}
}
