package nodelist_test

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync"
	"testing"
	"testing/iotest"
	"testing/synctest"
	"time"

	"github.com/liberdus/liberdus/nodelist"
)

func httpOf(h http.Handler) *http.Client { return &http.Client{Transport: transport{h}} }

func TestAnswersThatAreNone(t *testing.T) {
	for _, tt := range []struct {
		name   string
		answer http.HandlerFunc
		want   string
	}{
		{"an error page", func(w http.ResponseWriter, _ *http.Request) {
			http.Error(w, "bad\x1b[31mgateway", http.StatusBadGateway)
		}, `GET /rtc: it answers`},
		{"an error page, quoted", func(w http.ResponseWriter, _ *http.Request) {
			http.Error(w, "bad\x1b[31mgateway", http.StatusBadGateway)
		}, `it answers 502 Bad Gateway: bad\x1b[31mgateway`},
		{"a page", func(w http.ResponseWriter, _ *http.Request) { fmt.Fprint(w, "<html>") }, "no JSON object"},
		{"an array", func(w http.ResponseWriter, _ *http.Request) { fmt.Fprint(w, "[]") }, "no JSON object"},
		{"an object", func(w http.ResponseWriter, _ *http.Request) { fmt.Fprint(w, "{}") }, "not signed as it should be"},
		{"a redirect", func(w http.ResponseWriter, r *http.Request) {
			http.Redirect(w, r, "https://other.example/rtc", http.StatusMovedPermanently)
		}, "it redirects to https://other.example/rtc, give that URL instead"},
		{"too much", func(w http.ResponseWriter, _ *http.Request) {
			_, _ = w.Write(make([]byte, 4<<20+1))
		}, "larger than 4194304 bytes"},
		{"an error object", func(w http.ResponseWriter, _ *http.Request) {
			fmt.Fprint(w, `{"success":false,"error":"no"}`)
		}, "refused: no"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			_, _, err := clientOf(tt.answer, "", nil).RTC(t.Context())
			wantError(t, err, tt.want)
		})
	}
}

func TestNobodyAnswers(t *testing.T) {
	srv := httptest.NewServer(nil)
	url := srv.URL
	srv.Close()
	_, err := nodelist.NewClient(nodelist.Archiver{URL: url + "/"}, nodelist.ClientConfig{}).Active(t.Context())
	wantError(t, err, "connection refused; check the URL and that the archiver runs")
	if strings.Count(err.Error(), url) != 1 {
		t.Errorf("the error names the URL more than once: %v", err)
	}
}

// A stuck transport answers when the request is given up.
type stuck struct{}

func (stuck) RoundTrip(r *http.Request) (*http.Response, error) {
	<-r.Context().Done()
	return nil, r.Context().Err()
}

func TestTimeouts(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		c := nodelist.NewClient(nodelist.Archiver{URL: "http://archiver"}, nodelist.ClientConfig{HTTP: &http.Client{Transport: stuck{}}})
		start := time.Now()
		_, err := c.Active(t.Context())
		wantError(t, err, "no answer within 10s")
		if took := time.Since(start); took != 10*time.Second || !errors.Is(err, context.DeadlineExceeded) {
			t.Errorf("it took %v: %v", took, err)
		}
		hurried, done := context.WithTimeout(t.Context(), 300*time.Millisecond)
		defer done()
		_, err = c.Active(hurried)
		wantError(t, err, "no answer within 300ms")
		ctx, cancel := context.WithCancel(t.Context())
		cancel()
		if err := c.Join(ctx, joinRequest(1), keyOf(1)); !errors.Is(err, context.Canceled) {
			t.Errorf("Join = %v, want it canceled", err)
		}
	})
}

// Who gives a request up is told so, and not to look after the archiver.
func TestGivenUp(t *testing.T) {
	pressed := errors.New("interrupt signal received")
	for _, tt := range []struct {
		name      string
		cause     error
		transport http.RoundTripper
		want      string
	}{
		{"for a reason", pressed, stuck{}, "given up before it answered: interrupt signal received"},
		{"for none", nil, stuck{}, "given up before it answered: context canceled"},
		{"within the answer", pressed, cutShort{}, "given up before it answered: interrupt signal received"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			ctx, cancel := context.WithCancelCause(t.Context())
			cancel(tt.cause)
			c := nodelist.NewClient(nodelist.Archiver{URL: "http://archiver"}, nodelist.ClientConfig{HTTP: &http.Client{Transport: tt.transport}})
			_, err := c.Active(ctx)
			wantError(t, err, tt.want)
			if !errors.Is(err, context.Canceled) || tt.cause != nil && !errors.Is(err, tt.cause) {
				t.Errorf("%v is not canceled for its reason", err)
			}
			if errors.Is(err, nodelist.ErrUnreachable) || strings.Contains(err.Error(), "check the URL") {
				t.Errorf("%v blames the archiver", err)
			}
		})
	}
}

// A cutShort transport begins an answer and fails with the reason of the context, as net/http does.
type cutShort struct{}

func (cutShort) RoundTrip(r *http.Request) (*http.Response, error) {
	body := io.NopCloser(iotest.ErrReader(context.Cause(r.Context())))
	return &http.Response{StatusCode: http.StatusOK, Status: "200 OK", Body: body, Request: r}, nil
}

func TestOverARealConnection(t *testing.T) {
	a := newArchiver(t, nil)
	stop := a.run()
	defer stop()
	srv := httptest.NewServer(a.Handler())
	defer srv.Close()
	known := openKnown(t, "")
	var wg sync.WaitGroup
	for n := 1; n <= 4; n++ {
		wg.Go(func() {
			archiver, err := nodelist.ParseArchiver(srv.URL)
			if err != nil {
				t.Error(err)
			}
			c := nodelist.NewClient(archiver, nodelist.ClientConfig{KnownKeys: known})
			for range 5 {
				if err := c.Join(t.Context(), joinRequest(n), keyOf(n)); err != nil {
					t.Error(err)
				}
				if _, err := c.Active(t.Context()); err != nil {
					t.Error(err)
				}
			}
			if rtc, _, err := c.RTC(t.Context()); err != nil || rtc.Host != "127.0.0.1" {
				t.Errorf("RTC = %+v, %v", rtc, err)
			}
		})
	}
	wg.Wait()
}
