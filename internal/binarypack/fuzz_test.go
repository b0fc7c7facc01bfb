package binarypack_test

import (
	"bytes"
	"encoding/hex"
	"encoding/json"
	"reflect"
	"testing"

	"github.com/liberdus/liberdus/internal/binarypack"
)

// FuzzToJSON: whatever comes is JSON within the limit, or an error; and what
// was JSON once stays what it is.
func FuzzToJSON(f *testing.F) {
	for _, pack := range []string{
		"82b16101b16292c3c0", "d3fffffffed5fa0e00", "cfffffffffffffffff", "cb3fb999999999999a", "ca3fc00000", "ddffffffff", "dfffffffff",
		"81b164a401020304", "92c1cb7ff8000000000000", "b5225c0a002f", "84ba5f5f706565724461746101b16e00b464617461a0b5746f74616c01",
		"81ba5f5f706565724461746181b474797065b5636c6f7365", "919191919191c0",
	} {
		raw, err := hex.DecodeString(pack)
		if err != nil {
			f.Fatal(err)
		}
		f.Add(raw)
	}
	const limit = 1 << 16
	f.Fuzz(func(t *testing.T, pack []byte) {
		binarypack.Bytes(pack)
		if binarypack.IsPeerData(pack) {
			if c, closes, err := binarypack.ReadPeerData(pack); err == nil && !closes {
				again, _, err := binarypack.ReadPeerData(c.Append(nil))
				if err != nil || again.Message != c.Message || again.Index != c.Index || again.Total != c.Total || !bytes.Equal(again.Data, c.Data) {
					t.Errorf("%v came back as %v, %v", c, again, err)
				}
			}
		}
		text, err := binarypack.ToJSON(pack, limit)
		if err != nil {
			return
		}
		if len(text) > limit || !json.Valid(text) {
			t.Fatalf("ToJSON(%x) = %s", pack, text)
		}
		checkBothWays(t, text)
	})
}

// FuzzFromJSON: decode(encode(x)) = x, for every x that JavaScript's JSON.parse
// would not change.
func FuzzFromJSON(f *testing.F) {
	for _, text := range []string{
		`{"a":1,"b":[true,null,-5e9,0.1,"\ud83d\ude00\u0000"]}`, ` [ ] `, `"\ud800"`, `1e999`, `-0`, `[[[[]]]]`, `{"a":{},"a":1}`, `9007199254740993`,
	} {
		f.Add([]byte(text))
	}
	f.Fuzz(func(t *testing.T, text []byte) { checkBothWays(t, text) })
}

func checkBothWays(t *testing.T, text []byte) {
	t.Helper()
	pack, err := binarypack.FromJSON(text)
	if err != nil {
		return
	}
	back, err := binarypack.ToJSON(pack, 8*len(text)+64)
	if err != nil {
		t.Fatalf("ToJSON(FromJSON(%q)) = %v", text, err)
	}
	var was, is any
	if err := json.Unmarshal(text, &was); err != nil { // text is JSON, or it had not been packed
		t.Fatal(err)
	}
	if err := json.Unmarshal(back, &is); err != nil {
		t.Fatalf("%q came back as %q: %v", text, back, err)
	}
	if !reflect.DeepEqual(was, is) {
		t.Errorf("%q came back as %q", text, back)
	}
	again, err := binarypack.FromJSON(back)
	if err != nil || !bytes.Equal(again, pack) {
		t.Errorf("%q packs as %x, then as %x (%v)", text, pack, again, err)
	}
}
