package main

import (
	"context"
	"encoding/json"
	"fmt"
	"slices"
	"time"

	"github.com/chromedp/chromedp"
)

// pageScenarios measure the archiver's page.
func pageScenarios() []scenario {
	metrics := []metric{{name: "first answer", unit: "ms"}}
	for _, step := range pageSteps() {
		metrics = append(metrics, metric{name: step, unit: "ms"})
	}
	return []scenario{{
		section: "Page", name: "first answer",
		about: "the archiver's page in Chromium, with nothing kept: from navigation to the first answer of a node that has proven its key. " +
			"The steps are parts of it, of which archiver and list are at the same time; between them the browser makes the connection's certificate",
		sides:   []side{{"liberdus", pageSide}},
		metrics: metrics,
	}}
}

// pageSteps are what the page measures beside the first answer: until its code
// runs, the module's phases, and the request.
func pageSteps() []string {
	return []string{"code", "archiver", "list", "signalling", "answer", "ice", "channel", "request"}
}

// pageSide opens the page again and again, and takes the middle of each step.
func pageSide(ctx context.Context, e *env) (figures, error) {
	s, err := ourNode(ctx, e)
	if err != nil {
		return nil, err
	}
	l, err := e.load("page")
	if err != nil {
		return nil, err
	}
	rounds := 20
	if e.quick {
		rounds = 3
	}
	all := map[string][]float64{}
	for range rounds {
		var took map[string]float64
		if err := l.do(ctx, "open", "http://"+s.arch.addr+"/", &took); err != nil {
			return nil, err
		}
		for name, ms := range took {
			all[name] = append(all[name], ms)
		}
	}
	middle := figures{}
	for name, took := range all {
		slices.Sort(took)
		middle[name] = took[len(took)/2]
	}
	return middle, nil
}

// newPageLoad is a browser that opens the page: "open" with its URL gives the
// milliseconds of each step.
func newPageLoad() loader {
	b := new(chromium)
	return func(ctx context.Context, c command) (any, error) {
		switch c.Do {
		case "open":
			var url string
			if err := json.Unmarshal(c.Args, &url); err != nil {
				return nil, err
			}
			if b.browser == nil {
				if err := b.start(ctx); err != nil {
					return nil, err
				}
			}
			return b.openPage(url)
		case endOfLoad:
			b.end()
			return nil, nil
		}
		return nil, fmt.Errorf("unknown command %q", c.Do)
	}
}

// openPage opens the page in a tab that shares nothing with others, not even
// the cache.
func (b *chromium) openPage(url string) (map[string]float64, error) {
	tab, closeTab := chromedp.NewContext(b.browser, chromedp.WithNewBrowserContext())
	defer closeTab()
	if err := chromedp.Do(tab, chromedp.Navigate(url)); err != nil {
		return nil, fmt.Errorf("open the page: %w", err)
	}
	tab, stop := context.WithTimeout(tab, time.Minute)
	defer stop()
	took, err := chromedp.Run(tab, chromedp.Evaluate[map[string]float64](`(async () => {
		while (!performance.getEntriesByName('liberdus first answer').length) await new Promise(resolve => setTimeout(resolve, 10))
		return Object.fromEntries(performance.getEntriesByType('measure').reverse().map(({ name, duration }) => [name.replace('liberdus ', ''), duration]))
	})()`, chromedp.EvalAwaitPromise))
	if err != nil {
		return nil, fmt.Errorf("wait for the first answer: %w", err)
	}
	return took, nil
}
