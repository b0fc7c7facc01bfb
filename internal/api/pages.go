package api

import (
	"context"
	"encoding/json"
	"fmt"
	"strconv"
	"strings"

	"github.com/liberdus/liberdus/internal/rpc"
)

// pageOf reads <timestamp>-<number>, which asks for the page of a chat that begins
// with that number; the first page begins with 0. A node knows no such thing: it
// gives everything at once, and so do we to who asks as wallets do.
func pageOf(s string) (since float64, from int64, ok bool) {
	time, number, ok := strings.Cut(s, "-")
	if !ok || !isDecimal(time) || !isDecimal(number) {
		return 0, 0, false
	}
	from, err := strconv.ParseInt(number, 10, 64)
	return timeOf(time), from, err == nil
}

func isDecimal(s string) bool { return s != "" && strings.Trim(s, "0123456789") == "" }

// page answers with a part of a chat, and with what to ask for next if there is more.
func (a *API) page(ctx context.Context, chatID, place string, since float64, from int64) (rpc.Response, error) {
	list, next, err := a.ledger.MessagePage(ctx, chatID, since, from)
	switch {
	case err != nil:
		return rpc.Response{}, fmt.Errorf("messages: %w", err)
	case list == nil:
		return says(noChat)
	case next == 0:
		return wrap("messages", list), nil
	}
	time, _, _ := strings.Cut(place, "-")
	body := append([]byte(`{"messages":`), list...)
	body = fmt.Appendf(body, `,"more":"%s-%d"}`, time, next)
	return rpc.Encoded(json.RawMessage(body)), nil
}
