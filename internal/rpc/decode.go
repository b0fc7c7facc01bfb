package rpc

import (
	"bytes"
	"cmp"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"strconv"
	"strings"
	"time"
	"unicode/utf8"
)

const (
	maxID     = 128  // bytes of a request's id
	maxURL    = 1024 // bytes
	maxMethod = 16   // bytes
	maxWait   = time.Minute
)

// errNoRequest is the error of what is no request at all.
var errNoRequest = errors.New("a message must be a JSON object with a url")

// decodeRequest reads one request. On an error the Request still carries the
// id and the url, if they were usable, so that the fault reaches its request.
func decodeRequest(msg []byte) (Request, error) {
	if !utf8.Valid(msg) { // what is echoed must not spoil the reply
		return Request{}, errors.New("a message must be UTF-8")
	}
	if !json.Valid(msg) {
		return Request{}, errNoRequest
	}
	r := Request{Method: http.MethodGet}
	var id, url, method, timeout json.RawMessage
	if !members(msg, func(m member) { // of two with the same name the last counts
		switch {
		case m.is("body"):
			r.Body = m.value
		case m.is("id"):
			id = m.value
		case m.is("url"):
			url = m.value
		case m.is("method"):
			method = m.value
		case m.is("timeout"):
			timeout = m.value
		}
	}) {
		return Request{}, errNoRequest
	}
	if err := readID(given(id), &r.ID); err != nil {
		return r, err
	}
	if err := readURL(given(url), &r.URL); err != nil {
		return r, err
	}
	if err := readMethod(given(method), &r.Method); err != nil {
		return r, err
	}
	return r, readTimeout(given(timeout), &r.Timeout)
}

// given returns a member's value, nil where it is absent or null.
func given(raw json.RawMessage) json.RawMessage {
	if string(raw) == "null" {
		return nil
	}
	return raw
}

// text returns the string that raw is.
func text(raw json.RawMessage) (string, bool) {
	if raw[0] == '"' && bytes.IndexByte(raw, '\\') < 0 {
		return string(raw[1 : len(raw)-1]), true
	}
	var s string
	err := json.Unmarshal(raw, &s)
	return s, err == nil
}

func readID(id json.RawMessage, to *json.RawMessage) error {
	switch {
	case id == nil:
		return nil
	case len(id) > maxID:
		return fmt.Errorf("id of %d bytes is over %d", len(id), maxID)
	case id[0] == '"' || id[0] == '-' || id[0] >= '0' && id[0] <= '9':
		*to = id
		return nil
	}
	return errors.New("id must be a string or a number")
}

// CheckURL returns an error for a url that is too long. Every door says it in
// the same words.
func CheckURL(url string) error {
	if len(url) > maxURL {
		return fmt.Errorf("url of %d bytes is over %d", len(url), maxURL)
	}
	return nil
}

// readURL leaves a url that is refused empty.
func readURL(raw json.RawMessage, to *string) error {
	if raw == nil {
		return errNoRequest
	}
	s, ok := text(raw)
	if !ok {
		return errors.New("url must be a string")
	}
	if s == "" {
		return errNoRequest
	}
	s = strings.TrimPrefix(s, "/")
	if err := CheckURL(s); err != nil {
		return err
	}
	*to = s
	return nil
}

func readMethod(raw json.RawMessage, to *string) error {
	if raw == nil {
		return nil
	}
	s, ok := text(raw)
	if !ok {
		return errors.New("method must be a string")
	}
	if len(s) > maxMethod {
		return fmt.Errorf("method of %d bytes is over %d", len(s), maxMethod)
	}
	*to = cmp.Or(strings.ToUpper(s), *to)
	return nil
}

// readTimeout cuts what is longer than maxWait, be it beyond any number.
func readTimeout(raw json.RawMessage, to *time.Duration) error {
	if raw == nil {
		return nil
	}
	ms, err := strconv.ParseFloat(string(raw), 64)
	if err != nil && !errors.Is(err, strconv.ErrRange) || ms <= 0 {
		return errors.New("timeout must be a positive number of milliseconds")
	}
	// At least a nanosecond, because 0 would stand for none.
	*to = max(1, time.Duration(min(ms*float64(time.Millisecond), float64(maxWait))))
	return nil
}
