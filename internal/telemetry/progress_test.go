package telemetry_test

import (
	"bytes"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/liberdus/liberdus/internal/telemetry"
)

const clear = "\r\x1b[K"

func TestProgress(t *testing.T) {
	for _, tt := range []struct {
		name string
		run  func(p *telemetry.Progress)
		want string
	}{
		{
			name: "a quick command says nothing",
			run: func(p *telemetry.Progress) {
				p.Set("asking")
				time.Sleep(699 * time.Millisecond)
				p.Done()
				time.Sleep(time.Minute)
			},
		},
		{
			name: "a slow one says what it waits for, and takes it back",
			run: func(p *telemetry.Progress) {
				p.Set("asking")
				p.Set("dialling")
				time.Sleep(1300 * time.Millisecond)
				p.Set("waiting")
				p.Done()
			},
			want: clear + " 0.7s  dialling …" + clear + " 1.3s  waiting …" + clear,
		},
		{
			name: "nothing after the end",
			run: func(p *telemetry.Progress) {
				time.Sleep(time.Second)
				p.Done()
				p.Set("late")
				p.Done()
			},
			want: clear + " 0.7s   …" + clear,
		},
		{
			name: "a long line is cut at the edge",
			run: func(p *telemetry.Progress) {
				p.Set("offering a connection to " + strings.Repeat("ä", 64))
				time.Sleep(time.Second)
				p.Done()
			},
			want: clear + " 0.7s  offering a connection to äääää …" + clear,
		},
		{
			name: "what others named does not steer the terminal",
			run: func(p *telemetry.Progress) {
				p.Set("to \x1b]0;title\a\r\nx\u202e")
				time.Sleep(time.Second)
				p.Done()
			},
			want: clear + " 0.7s  to ]0;titlex …" + clear,
		},
	} {
		t.Run(tt.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				var out bytes.Buffer
				p := telemetry.NewProgressOn(&out, 40)
				tt.run(p)
				if got := out.String(); got != tt.want {
					t.Errorf("written = %q, want %q", got, tt.want)
				}
			})
		})
	}
}

func TestProgressOffATerminal(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var out bytes.Buffer
		p := telemetry.NewProgress(&out)
		p.Set("asking")
		time.Sleep(time.Hour)
		p.Done()
		if out.Len() != 0 {
			t.Errorf("written = %q, want nothing", &out)
		}
	})
}
