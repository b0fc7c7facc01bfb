package nodelist

import (
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"net/url"
	"time"
)

// fetchRTC asks /rtc with a nonce, so that the answer tells the time.
func (c *Client) fetchRTC(ctx context.Context) (*anchor, error) {
	nonce := rand.Text()
	before := time.Now()
	o, err := c.ask(ctx, "/rtc?nonce="+nonce, nil)
	took := time.Since(before)
	if errors.Is(err, errNotFound) {
		return nil, c.notArchiver(ctx, err)
	}
	if err != nil {
		return nil, err
	}
	key, err := c.verify(ctx, o)
	if err != nil {
		return nil, err
	}
	r, info, err := decodeRTC(o, nonce)
	if err != nil {
		return nil, fmt.Errorf("the answer of /rtc: %w", err)
	}
	if r.Host == "" {
		r.Host = c.hostname()
	}
	if err := c.keep(ctx, key); err != nil {
		return nil, err
	}
	a := &anchor{Info: info, rtc: r, at: before.Add(took / 2), doc: o, nonce: nonce}
	a.Key, a.Skew = key, info.Time.Sub(a.at.Round(0))
	return a, nil
}

// notArchiver says what a 404 on /rtc means: a URL whose key is known is not
// taken for anything but an archiver.
func (c *Client) notArchiver(ctx context.Context, err error) error {
	key, knownErr := c.trusted(ctx)
	if knownErr != nil {
		return knownErr
	}
	if key == "" {
		return fmt.Errorf("%w: %w", ErrNotArchiver, err)
	}
	return fmt.Errorf("%w, but the archiver with the key %s has /rtc: check the URL", err, key)
}

func (c *Client) hostname() string {
	u, err := url.Parse(c.archiver.URL)
	if err != nil {
		return ""
	}
	return u.Hostname()
}
