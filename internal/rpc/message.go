// Package rpc carries requests and replies over a stream of messages, such as
// a data channel. Messages are JSON objects:
//
//	request  {"id":"7","url":"account/<id>","method":"GET","body":…,"timeout":5000}
//	reply    {"id":"7","type":"account","method":"GET","status":200,"body":…,"sender":"<peer id>"}
//	event    {"type":"event","subscription":"<id>","body":{…}}
//
// An id is any JSON string or number and is echoed as it came. Peers that send
// none, or null, are answered without one, in the order of their messages. The
// status and body of a reply are those of the HTTP answer for the same path.
//
// The invariant: every request is settled once, by a reply, a fault or the end
// of the stream, within its deadline. No message can end a stream: what is not
// a request gets a reply of type "error".
//
// A peer that has subscribed to an account gets events, one after another and
// each in the latest state, until it ends the subscription or is told its end.
package rpc

import (
	"encoding/json"
	"fmt"
	"net/http"
	"strings"
	"time"
)

// A Request asks for a path of the node's API.
type Request struct {
	ID      json.RawMessage // a JSON string or number; nil if there is none
	URL     string          // without a leading slash, with the query if any
	Method  string          // upper case; GET if the message had none
	Body    json.RawMessage // nil if there is none
	Timeout time.Duration   // 0 if the peer set none
}

// Type returns the first segment of the request's path: the type of its reply.
func (r Request) Type() string { return TypeOf(r.URL) }

// TypeOf returns the first segment of a path without a leading slash.
func TypeOf(url string) string {
	path, _, _ := strings.Cut(url, "?")
	first, _, _ := strings.Cut(path, "/")
	return first
}

// A Response answers a Request. ContentType is empty for JSON; otherwise Body
// holds the text itself, and travels as a JSON string.
type Response struct {
	Status      int
	Body        []byte
	ContentType string
	RetryAfter  time.Duration // of a fault, over HTTP; 0: nothing is known of it
	Limit       Limit         // that is the reason of a fault; it is not sent

	encoded      bool          // the body is known to be JSON
	subscription *subscription // begins with this reply; nil if none does
}

// A Code says what kind of fault the session layer met.
type Code string

// The codes and the statuses that go with them.
const (
	BadRequest  Code = "bad-request" // 400
	NotFound    Code = "not-found"   // 404
	TooLarge    Code = "too-large"   // 413
	Busy        Code = "busy"        // 429
	Unavailable Code = "unavailable" // 503
	Timeout     Code = "timeout"     // 504
)

var statusOf = map[Code]int{
	BadRequest:  http.StatusBadRequest,
	NotFound:    http.StatusNotFound,
	TooLarge:    http.StatusRequestEntityTooLarge,
	Busy:        http.StatusTooManyRequests,
	Unavailable: http.StatusServiceUnavailable,
	Timeout:     http.StatusGatewayTimeout,
}

// Fault returns the response that says why a request got no answer of its own.
func Fault(code Code, text string) Response {
	body, err := json.Marshal(struct {
		Code  Code   `json:"code"`
		Error string `json:"error"`
	}{code, text})
	if err != nil { // strings always encode
		body = []byte(`{}`)
	}
	return Response{Status: statusOf[code], Body: body, encoded: true}
}

// FaultAfter returns the fault Busy with the time after which the peer may try
// again: "retryAfter", in milliseconds.
func FaultAfter(text string, d time.Duration) Response {
	r := Fault(Busy, text)
	r.Body = fmt.Appendf(r.Body[:len(r.Body)-1], `,"retryAfter":%d}`, max(1, d.Milliseconds()))
	r.RetryAfter = d
	return r
}

// FaultAt returns a fault that names the hop of a client's path at which a
// request failed.
func FaultAt(code Code, hop, text string) Response {
	r := Fault(code, text)
	r.Body = append(appendString(append(r.Body[:len(r.Body)-1], `,"hop":`...), hop), '}')
	return r
}

// JSON returns a response with status 200.
func JSON(body []byte) Response { return Response{Status: http.StatusOK, Body: body} }

// Encoded is JSON for a body that the caller itself has encoded, or keeps as it
// was encoded once. It is not looked at again, which for an account is a tenth
// of what its reply costs.
func Encoded(body []byte) Response {
	return Response{Status: http.StatusOK, Body: body, encoded: true}
}
