package signaling_test

import (
	"bytes"
	"encoding/json"
	"os"
	"path/filepath"
	"testing"
	"unicode/utf8"

	"github.com/liberdus/liberdus/signaling"
)

// FuzzParseMessage compares the decoder with encoding/json, and what it
// encodes with what it decodes.
func FuzzParseMessage(f *testing.F) {
	shapes, err := filepath.Glob("testdata/messages/*.json")
	if err != nil || len(shapes) == 0 {
		f.Fatalf("no messages in the shapes of known programs: %v", err)
	}
	for _, name := range shapes {
		data, err := os.ReadFile(name)
		if err != nil {
			f.Fatal(err)
		}
		f.Add(data)
	}
	for _, s := range []string{
		"", " ", "null", "5", `"x"`, "[]", "{}", `{"type":5}`, `{"type":"OFFER","type":null}`, `{"\u0074ype":"A\ud800","dst":"\\\""}`,
		`{"payload":{"a":[1,{"b":"]}"}],"c":1e5} , "dst" : 1e999 }`, "{\"payload\":-1\n}", `{"a":"\\","payload":"\\\\\"}"}`, `{"":{},"payload":[]}`,
	} {
		f.Add([]byte(s))
	}
	f.Fuzz(func(t *testing.T, frame []byte) {
		m, err := signaling.ParseMessage(frame)
		var want map[string]json.RawMessage
		if (json.Unmarshal(frame, &want) != nil || want == nil) != (err != nil) && bytes.Count(frame, []byte("{"))+bytes.Count(frame, []byte("[")) < 512 {
			t.Fatalf("ParseMessage(%q) = %v, encoding/json disagrees", frame, err)
		}
		if err != nil || !utf8.Valid(frame) {
			return
		}
		for name, got := range map[string]string{"type": m.Type, "src": m.Src, "dst": m.Dst} {
			var s string
			if json.Unmarshal(want[name], &s) != nil {
				s = ""
			}
			if got != s {
				t.Errorf("%s = %q, want %q", name, got, s)
			}
		}
		if payload, ok := want["payload"]; ok != (m.Payload != nil) || !bytes.Equal(payload, m.Payload) {
			t.Errorf("payload = %q, want %q", m.Payload, payload)
		}
		encoded, err := m.Encode()
		if err != nil || !json.Valid(encoded) {
			t.Fatalf("Encode = %q, %v", encoded, err)
		}
		again, err := signaling.ParseMessage(encoded)
		if err != nil || again.Type != m.Type || again.Src != m.Src || again.Dst != m.Dst || !bytes.Equal(again.Payload, m.Payload) {
			t.Errorf("%q was encoded as %q and read as %+v, %v", frame, encoded, again, err)
		}
	})
}
