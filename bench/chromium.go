package main

import (
	"context"
	_ "embed"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"net/http/httptest"
	"net/url"
	"strconv"
	"strings"
	"time"

	"github.com/chromedp/chromedp"

	"github.com/liberdus/liberdus/internal/browser"
)

//go:embed chromium.html
var chromiumPage []byte

// A chromium opens sessions from pages of a browser.
type chromium struct {
	pages   *httptest.Server
	browser context.Context // of chromedp
	stop    func()          // ends the browser
	tabs    []func()        // close the pages, whose sessions stay open with them
}

// newChromiumLoad is a browser with its defaults.
func newChromiumLoad() loader {
	b := new(chromium)
	return func(ctx context.Context, c command) (any, error) {
		switch c.Do {
		case "connect": // gives the milliseconds of each
			var a connectArgs
			if err := json.Unmarshal(c.Args, &a); err != nil {
				return nil, err
			}
			if b.browser == nil {
				if err := b.start(ctx); err != nil {
					return nil, err
				}
			}
			return b.connect(a)
		case "hang up":
			b.hangUp()
			return nil, nil
		case endOfLoad:
			b.end()
			return nil, nil
		}
		return nil, fmt.Errorf("unknown command %q", c.Do)
	}
}

func (b *chromium) start(ctx context.Context) error {
	path, err := browser.Find()
	if err != nil {
		return err
	}
	b.pages = httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("Content-Type", "text/html; charset=utf-8")
		_, _ = w.Write(chromiumPage) // the page asks again, or its tab times out
	}))
	ctx, b.stop = chromedp.NewExecAllocator(context.WithoutCancel(ctx), // end ends it
		// Chromium's zygote now and then spins for minutes instead of forking a new page's process.
		browser.Options(path, chromedp.Flag("no-zygote", true))...,
	)
	b.browser, _ = chromedp.NewContext(ctx)
	if err := chromedp.Do(b.browser); err != nil {
		return fmt.Errorf("start %s: %w", path, err)
	}
	return nil
}

// connect opens sessions one after the other, from a page of their own.
func (b *chromium) connect(a connectArgs) ([]float64, error) {
	tab, closeTab := chromedp.NewContext(b.browser)
	b.tabs = append(b.tabs, closeTab)
	limit := time.Minute
	query := url.Values{
		"server": {strings.Replace(a.Server, "http", "ws", 1)}, "peer": {a.Peer},
		"sessions": {strconv.Itoa(a.Sessions)}, "each": {strconv.Itoa(perSignaller)},
	}
	if err := chromedp.Do(tab, chromedp.Navigate(b.pages.URL+"/?"+query.Encode())); err != nil {
		return nil, fmt.Errorf("open the page: %w", err)
	}
	type result struct {
		Took  []float64 `json:"took"`
		Error string    `json:"error"`
	}
	got, err := chromedp.Run(tab, chromedp.Poll[result]("window.result",
		chromedp.WithPollingInterval(50*time.Millisecond), chromedp.WithPollingTimeout(limit)))
	switch {
	case err != nil:
		return nil, fmt.Errorf("wait for the page: %w", err)
	case got.Error != "":
		return nil, errors.New(got.Error)
	}
	return got.Took, nil
}

// hangUp closes the pages.
func (b *chromium) hangUp() {
	for _, closeTab := range b.tabs {
		closeTab()
	}
	b.tabs = nil
}

// end waits until the browser has removed what it wrote.
func (b *chromium) end() {
	if b.browser == nil {
		return
	}
	b.hangUp()
	_ = chromedp.Cancel(b.browser) // an error means that it has ended
	b.stop()
	b.pages.Close()
}
