package main

import (
	"context"
	"slices"
)

// scenarios are all comparisons, in the order of the report.
func scenarios() []scenario {
	return slices.Concat(
		signallingScenarios(),
		attackScenarios(),
		sessionScenarios(),
		pageScenarios(),
		frontScenarios(),
		gatewayScenarios(),
		ledgerScenarios(),
		growthScenarios(),
	)
}

// servers are the reference servers, by the name that "bench serve" knows.
func servers() map[string]func(ctx context.Context) error {
	return map[string]func(ctx context.Context) error{
		"relay":    serveRelay,
		"raw-pion": serveRawPion,
		"proxy":    serveProxy,
		"map":      serveMap,
	}
}

// loads are the makers of load, by the name that "bench load" knows.
func loads() map[string]func() loader {
	return map[string]func() loader{
		"signalling":   newSignallingLoad,
		"sessions":     newSessionLoad,
		"http":         newHTTPLoad,
		"our sessions": newOurSessionLoad,
		"attack":       newAttack,
		"chromium":     newChromiumLoad,
		"page":         newPageLoad,
		"ledger":       newLedgerLoad,
	}
}
