package signaling_test

import (
	"encoding/json"
	"errors"
	"testing"

	"github.com/liberdus/liberdus/signaling"
)

func TestEncode(t *testing.T) {
	for _, tt := range []struct {
		name string
		m    signaling.Message
		want string // "": an error
	}{
		{"all members in order", signaling.Message{Type: "OFFER", Src: "a", Dst: "b", Payload: json.RawMessage(`{"x": 1.0}`)}, `{"type":"OFFER","src":"a","dst":"b","payload":{"x": 1.0}}`},
		{"type alone", signaling.Message{Type: "HEARTBEAT"}, `{"type":"HEARTBEAT"}`},
		{"null payload", signaling.Message{Type: "OFFER", Payload: json.RawMessage("null")}, `{"type":"OFFER","payload":null}`},
		{"escapes", signaling.Message{Type: "T", Dst: "\"\\\b\f\n\r\t\x00\x1f<&>\u2028é\xff"}, `{"type":"T","dst":"\"\\\b\f\n\r\t\u0000\u001f<&>` + "\u2028é\ufffd" + `"}`},
		{"payload is no JSON", signaling.Message{Type: "T", Payload: json.RawMessage("{")}, ""},
		{"payload is empty", signaling.Message{Type: "T", Payload: json.RawMessage{}}, ""},
		{"payload is two values", signaling.Message{Type: "T", Payload: json.RawMessage(`1,"dst":"x"`)}, ""},
	} {
		t.Run(tt.name, func(t *testing.T) {
			got, err := tt.m.Encode()
			if string(got) != tt.want || (err == nil) != (tt.want != "") {
				t.Errorf("Encode = %s, %v, want %s", got, err, tt.want)
			}
		})
	}
}

func TestParseMessage(t *testing.T) {
	for _, tt := range []struct {
		name, frame string
		want        signaling.Message
	}{
		{"all members", `{"type":"OFFER","src":"a","dst":"b","payload":[1, 2]}`, signaling.Message{Type: "OFFER", Src: "a", Dst: "b", Payload: json.RawMessage("[1, 2]")}},
		{"no strings", `{"type":1,"src":null,"dst":{}}`, signaling.Message{}},
		{"number at the end", `{"payload":12 }`, signaling.Message{Payload: json.RawMessage("12")}},
		{"number at the very end", `{"payload":-1e5}`, signaling.Message{Payload: json.RawMessage("-1e5")}},
	} {
		t.Run(tt.name, func(t *testing.T) {
			got, err := signaling.ParseMessage([]byte(tt.frame))
			if err != nil || got.Type != tt.want.Type || got.Src != tt.want.Src || got.Dst != tt.want.Dst || string(got.Payload) != string(tt.want.Payload) {
				t.Errorf("ParseMessage = %+v, %v, want %+v", got, err, tt.want)
			}
		})
	}
	for _, frame := range []string{"", "null", "[]", "{", `{"type":"OFFER"}x`} {
		if _, err := signaling.ParseMessage([]byte(frame)); !errors.Is(err, signaling.ErrMalformed) {
			t.Errorf("ParseMessage(%q) = %v, want ErrMalformed", frame, err)
		}
	}
}

func TestParsedPayloadIsACopy(t *testing.T) {
	frame := []byte(`{"payload":"before"}`)
	m, err := signaling.ParseMessage(frame)
	if err != nil {
		t.Fatal(err)
	}
	clear(frame)
	if string(m.Payload) != `"before"` {
		t.Errorf("payload = %s", m.Payload)
	}
}
