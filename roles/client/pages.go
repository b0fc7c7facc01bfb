package client

import (
	"bytes"
	"context"
	"encoding/json"
	"net/http"
	"regexp"

	"github.com/liberdus/liberdus/internal/rpc"
)

// maxWhole bounds the messages of a chat that are put together from pages, in bytes.
const maxWhole = 32 << 20

var (
	allMessages = regexp.MustCompile(`^(messages/[^/?]+/)([0-9]+)$`)
	pageNumber  = regexp.MustCompile(`^[0-9]+-[0-9]+$`)
)

// whole returns the answer to a read. The messages of a chat may be too many for
// one message of a data channel: then they are asked for in pages, and the answer
// is what a node gives by HTTP.
func (c *Client) whole(ctx context.Context, r rpc.Request) (answer, error) {
	a, err := c.do(ctx, r)
	path := allMessages.FindStringSubmatch(r.URL)
	if err != nil || a.Status != http.StatusRequestEntityTooLarge || r.Method != http.MethodGet || path == nil {
		return a, err
	}
	all := bytes.NewBufferString(`{"messages":[`)
	for more := path[2] + "-0"; more != ""; {
		page, err := c.do(ctx, rpc.Request{Method: r.Method, URL: path[1] + more})
		if err != nil {
			return page, err
		}
		var body struct {
			Messages []json.RawMessage `json:"messages"`
			More     string            `json:"more"`
		}
		if json.Unmarshal(page.Body, &body) != nil || body.Messages == nil {
			return a, nil // it has no pages
		}
		if body.More != "" && (len(body.Messages) == 0 || !pageNumber.MatchString(body.More)) {
			return a, nil // that would never end, or lead elsewhere
		}
		for _, m := range body.Messages {
			if all.Bytes()[all.Len()-1] != '[' {
				all.WriteByte(',')
			}
			all.Write(m)
		}
		if all.Len() > maxWhole {
			return a, nil
		}
		more = body.More
		a.peer = page.peer
	}
	all.WriteString("]}")
	a.Status, a.Body = http.StatusOK, all.Bytes()
	return a, nil
}
