package nodelist

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"strings"
	"time"

	"github.com/liberdus/liberdus/internal/signing"
)

// maxAnswer is the largest answer read, in bytes: a list of 10,000 nodes fits.
const maxAnswer = 4 << 20

// errNotFound is the answer 404.
var errNotFound = errors.New("404 Not Found")

// ask sends a request and returns the object that comes back; body nil means
// GET. An answer with success false is a *Refused.
func (c *Client) ask(ctx context.Context, path string, body []byte) (signing.Object, error) {
	ctx, cancel := context.WithTimeout(ctx, c.timeout)
	defer cancel()
	begun := time.Now()
	method := http.MethodGet
	what, _, _ := strings.Cut(path, "?") // a nonce would make each error another
	if body != nil {
		method = http.MethodPost
	}
	req, err := http.NewRequestWithContext(ctx, method, c.archiver.URL+path, bytes.NewReader(body))
	if err != nil {
		return nil, err
	}
	if body != nil {
		req.Header.Set("Content-Type", "application/json")
	}
	resp, err := c.http.Do(req)
	if err != nil {
		return nil, c.silent(ctx, begun, err)
	}
	defer resp.Body.Close()
	text, err := io.ReadAll(io.LimitReader(resp.Body, maxAnswer+1))
	if err != nil {
		return nil, c.silent(ctx, begun, err)
	}
	if len(text) > maxAnswer {
		return nil, fmt.Errorf("%s %s: the answer is larger than %d bytes", method, what, maxAnswer)
	}
	o, err := readAnswer(resp, text)
	if err != nil {
		return nil, fmt.Errorf("%s %s: %w", method, what, err)
	}
	return o, nil
}

// silent says of a request that got no answer what to do about it: nothing, if it
// was the caller who gave it up.
func (c *Client) silent(ctx context.Context, begun time.Time, err error) error {
	if errors.Is(ctx.Err(), context.Canceled) {
		return &givenUp{context.Cause(ctx)}
	}
	if wrapped, ok := errors.AsType[*url.Error](err); ok {
		err = wrapped.Err // without the URL, which is said already
	}
	if errors.Is(err, context.DeadlineExceeded) {
		waited := min(time.Since(begun).Round(100*time.Millisecond), c.timeout) // or less, if the caller had less time
		return &unreachable{fmt.Errorf("no answer within %v: %w; check the URL and that the archiver runs", waited, err)}
	}
	return &unreachable{fmt.Errorf("no answer: %w; %s", err, Remedy(err))}
}

// A givenUp is a context.Canceled that says why.
type givenUp struct{ cause error }

func (e *givenUp) Error() string        { return "given up before it answered: " + e.cause.Error() }
func (e *givenUp) Unwrap() error        { return e.cause }
func (e *givenUp) Is(target error) bool { return target == context.Canceled }

// An unreachable is an ErrUnreachable that does not say so in its text.
type unreachable struct{ err error }

func (e *unreachable) Error() string        { return e.err.Error() }
func (e *unreachable) Unwrap() error        { return e.err }
func (e *unreachable) Is(target error) bool { return target == ErrUnreachable }

// readAnswer returns the object that an answer holds.
func readAnswer(resp *http.Response, text []byte) (signing.Object, error) {
	o, err := signing.ParseObject(text)
	if err == nil && o["success"] == false {
		reason, _ := o["error"].(string)
		return nil, &Refused{Reason: clip(reason)}
	}
	switch {
	case resp.StatusCode == http.StatusNotFound:
		return nil, errNotFound
	case resp.StatusCode >= 300 && resp.StatusCode < 400:
		return nil, fmt.Errorf("it redirects to %s, give that URL instead", clip(resp.Header.Get("Location")))
	case resp.StatusCode >= 500:
		return nil, &unreachable{fmt.Errorf("it answers %s: %s", clip(resp.Status), clip(string(text)))}
	case resp.StatusCode != http.StatusOK:
		return nil, fmt.Errorf("it answers %s: %s", clip(resp.Status), clip(string(text)))
	case err != nil:
		return nil, fmt.Errorf("the answer is no JSON object, this may be no archiver: %w", err)
	}
	return o, nil
}

// clip shortens a stranger's text and makes it printable.
func clip(s string) string {
	const most = 200
	if len(s) > most {
		s = s[:most] + "…"
	}
	quoted := fmt.Sprintf("%q", s)
	return quoted[1 : len(quoted)-1]
}
