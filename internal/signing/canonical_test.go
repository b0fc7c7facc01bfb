package signing_test

import (
	"encoding/json"
	"fmt"
	"math"
	"math/big"
	"os"
	"reflect"
	"strings"
	"testing"

	"pgregory.net/rapid"

	"github.com/liberdus/liberdus/internal/signing"
)

// testdata/javascript.json holds edge cases with what Node.js makes of them.
func TestAsJavaScript(t *testing.T) {
	for _, c := range javaScriptCases(t) {
		v, err := signing.Parse([]byte(c.Wire))
		var got []byte
		if err == nil {
			got, err = signing.Canonical(v)
		}
		switch {
		case c.Refused != "" && err == nil:
			t.Errorf("%.80q: Canonical = %s, want an error", c.Wire, got)
		case c.Refused == "" && err != nil:
			t.Errorf("%.80q: %v, want %s", c.Wire, err, c.Canonical)
		case c.Refused == "" && string(got) != c.Canonical:
			t.Errorf("%.80q: Canonical = %s, want %s", c.Wire, got, c.Canonical)
		}
	}
}

type javaScriptCase struct{ Wire, Canonical, Refused string }

func javaScriptCases(t testing.TB) []javaScriptCase {
	t.Helper()
	text, err := os.ReadFile("testdata/javascript.json")
	if err != nil {
		t.Fatal(err)
	}
	var file struct{ Cases []javaScriptCase }
	if err := json.Unmarshal(text, &file); err != nil {
		t.Fatal(err)
	}
	if len(file.Cases) < 200 {
		t.Fatalf("%d cases", len(file.Cases))
	}
	return file.Cases
}

func TestCanonicalOfGoValues(t *testing.T) {
	for _, tt := range []struct {
		name string
		v    any
		want string
	}{
		{"nil", nil, `null`},
		{"bools", []any{true, false}, `[true,false]`},
		{"int", -5, `-5`},
		{"int64 beyond a double", int64(math.MaxInt64), `9223372036854776000`},
		{"uint64 beyond a double", uint64(math.MaxUint64), `18446744073709552000`},
		{"not finite", []any{math.NaN(), math.Inf(1), math.Inf(-1)}, `[null,null,null]`},
		{"negative zero", math.Copysign(0, -1), `0`},
		{"strings", []string{"a", "\n"}, `["a","\n"]`},
		{"objects", []signing.Object{{"b": 1, "a": nil}, {}}, `[{"a":null,"b":1},{}]`},
		{"map of strings", map[string]string{"b": "2", "a": "1"}, `{"a":"1","b":"2"}`},
		{"nil map and slices", []any{signing.Object(nil), []any(nil), []string(nil), map[string]string(nil)}, `[{},[],[],{}]`},
		{"empty name", signing.Object{"": 1, "sign": 2}, `{"":1,"sign":2}`},
		{"bigint", []any{big.NewInt(255), new(big.Int), (*big.Int)(nil)}, `[{"dataType":"bi","value":"ff"},{"dataType":"bi","value":"0"},null]`},
		{"negative bigint", big.NewInt(-255), `{"dataType":"bi","value":"-ff"}`},
		{"bytes", []any{signing.Buffer("hi"), signing.Bytes{1, 2, 3}, signing.Buffer(nil)}, `[{"value":"aGk=","dataType":"bb"},{"value":"AQID","dataType":"u8ab"},{"value":"","dataType":"bb"}]`},
		{"Buffer form", signing.Object{"type": "Buffer", "data": signing.Buffer("hi")}, `{"value":"aGk=","dataType":"bb"}`},
		{"not UTF-8", "a\xffb\xc3", "\"a\ufffdb\ufffd\""},
		{"not UTF-8 at the end of a surrogate", "\xed\xa0", "\"\ufffd\ufffd\""},
		{"lone surrogates", "\xed\xa0\x80\xed\xbf\xbf"[3:] + "\xed\xa0\x80", `"\udfff\ud800"`},
		{"surrogate halves joined", "\xed\xa0\xbd\xed\xb8\x80", `"😀"`},
		{"names that are not UTF-8", signing.Object{"\xff": 1, "\xfe": 2, "\ufffd": 3, "a\xff": 4, "a": 5}, "{\"a\":5,\"a\ufffd\":4,\"\ufffd\":3,\"\ufffd\":2,\"\ufffd\":1}"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			if got := canonical(t, tt.v); got != tt.want {
				t.Errorf("Canonical = %s, want %s", got, tt.want)
			}
		})
	}
}

func nest(n int, v any) any {
	for range n {
		v = []any{v}
	}
	return v
}

func TestCanonicalRefuses(t *testing.T) {
	for _, tt := range []struct {
		name string
		v    any
		want string // within the error
	}{
		{"another type", signing.Object{"a": []any{nil, float32(1)}}, `member "a": element 1: no canonical text for a float32`},
		{"a Go struct", struct{}{}, "struct {}"},
		{"another element", []signing.Object{{"x": struct{}{}}}, `element 0: member "x"`},
		{"Buffer of strings", signing.Object{"type": "Buffer", "data": []any{"1"}}, "Buffer"},
		{"too deep", nest(signing.MaxDepth+1, 1), "nested deeper than 64"},
		{"too deep with objects", nest(signing.MaxDepth, signing.Object{}), "nested deeper than 64"},
		{"too deep with a map", nest(signing.MaxDepth, map[string]string{}), "nested deeper than 64"},
		{"too deep with a bigint", nest(signing.MaxDepth, big.NewInt(1)), "nested deeper than 64"},
		{"too deep with bytes", nest(signing.MaxDepth, signing.Bytes{}), "nested deeper than 64"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			text, err := signing.Canonical(tt.v)
			if err == nil || !strings.Contains(err.Error(), tt.want) {
				t.Errorf("Canonical = %s, %v, want an error with %q", text, err, tt.want)
			}
		})
	}
	t.Run("a loop", func(t *testing.T) {
		o := signing.Object{}
		o["self"] = o
		if _, err := signing.Canonical(o); err == nil {
			t.Error("Canonical = nil error")
		}
	})
	t.Run("MustCanonical", func(t *testing.T) {
		defer func() {
			if recover() == nil {
				t.Error("MustCanonical did not panic")
			}
		}()
		signing.MustCanonical(struct{}{})
	})
}

func TestDepthLimit(t *testing.T) {
	for _, tt := range []struct {
		name string
		leaf any
		wrap int
	}{
		{"number", 1.0, signing.MaxDepth},
		{"object", signing.Object{}, signing.MaxDepth - 1},
		{"bigint", big.NewInt(1), signing.MaxDepth - 1},
		{"bytes", signing.Bytes{1}, signing.MaxDepth - 1},
	} {
		t.Run(tt.name, func(t *testing.T) {
			v := nest(tt.wrap, tt.leaf)
			got, err := signing.Parse([]byte(canonical(t, v)))
			if err != nil || !reflect.DeepEqual(got, v) {
				t.Errorf("at the limit: Parse = %v, %v", got, err)
			}
			deeper := strings.Repeat("[", tt.wrap+1) + canonical(t, tt.leaf) + strings.Repeat("]", tt.wrap+1)
			if _, err := signing.Parse([]byte(deeper)); err == nil || !strings.Contains(err.Error(), "nested deeper than 64 levels") {
				t.Errorf("past the limit: Parse = %v", err)
			}
		})
	}
}

// value generates what Parse can return.
func value(depth int) *rapid.Generator[any] {
	leaf := rapid.OneOf(
		rapid.Just[any](nil),
		rapid.Bool().AsAny(),
		rapid.Float64().Filter(func(f float64) bool { return f != 0 || !math.Signbit(f) }).AsAny(),
		rapid.String().AsAny(),
		rapid.Map(rapid.SliceOf(rapid.Byte()), func(b []byte) any { return new(big.Int).SetBytes(b) }),
		rapid.Map(rapid.SliceOf(rapid.Byte()), func(b []byte) any { return signing.Buffer(b) }),
		rapid.Map(rapid.SliceOf(rapid.Byte()), func(b []byte) any { return signing.Bytes(b) }),
	)
	if depth == 0 {
		return leaf
	}
	name := rapid.String().Filter(func(s string) bool { return s != "sig" })
	return rapid.OneOf(
		leaf,
		rapid.SliceOfN(value(depth-1), 0, 5).AsAny(),
		rapid.Map(rapid.MapOfN(name, value(depth-1), 0, 5), func(m map[string]any) any { return m }),
	)
}

func TestParseInvertsCanonical(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		v := value(4).Draw(t, "v")
		text, err := signing.Canonical(v)
		if err != nil {
			t.Fatal(err)
		}
		back, err := signing.Parse(text)
		if err != nil || fmt.Sprintf("%#v", norm(back)) != fmt.Sprintf("%#v", norm(v)) {
			t.Fatalf("%s: Parse = %#v, %v, want %#v", text, back, err, v)
		}
	})
}

// norm makes values comparable by their print: big integers by their digits.
func norm(v any) any {
	switch v := v.(type) {
	case *big.Int:
		return "bigint " + v.String()
	case []any:
		out := make([]any, len(v))
		for i := range v {
			out[i] = norm(v[i])
		}
		return out
	case signing.Object:
		out := signing.Object{}
		for k := range v {
			out[k] = norm(v[k])
		}
		return out
	case signing.Buffer:
		return fmt.Sprintf("buffer %x", []byte(v))
	case signing.Bytes:
		return fmt.Sprintf("bytes %x", []byte(v))
	}
	return v
}
