package binarypack_test

import (
	"encoding/hex"
	"errors"
	"strings"
	"testing"

	"github.com/liberdus/liberdus/internal/binarypack"
)

const noLimit = 1 << 20

// Values that both ways agree on, as peerjs-js-binarypack 2.1 packs them.
func TestBothWays(t *testing.T) {
	long := strings.Repeat("x", 16)
	longer := strings.Repeat("y", 1<<16)
	for _, tt := range []struct{ name, json, pack string }{
		{"null", `null`, "c0"},
		{"true", `true`, "c3"},
		{"false", `false`, "c2"},
		{"0", `0`, "00"},
		{"127", `127`, "7f"},
		{"128", `128`, "cc80"},
		{"255", `255`, "ccff"},
		{"256", `256`, "cd0100"},
		{"65535", `65535`, "cdffff"},
		{"65536", `65536`, "ce00010000"},
		{"2^32-1", `4294967295`, "ceffffffff"},
		{"2^32", `4294967296`, "cb41f0000000000000"},
		{"2^53", `9007199254740992`, "cb4340000000000000"},
		{"-1", `-1`, "ff"},
		{"-32", `-32`, "e0"},
		{"-33", `-33`, "d0df"},
		{"-128", `-128`, "d080"},
		{"-129", `-129`, "d1ff7f"},
		{"-32768", `-32768`, "d18000"},
		{"-32769", `-32769`, "d2ffff7fff"},
		{"-2^31", `-2147483648`, "d280000000"},
		{"-2^31-1", `-2147483649`, "cbc1e0000000200000"},
		{"0.1", `0.1`, "cb3fb999999999999a"},
		{"-1e-7", `-1e-7`, "cbbe7ad7f29abcaf48"},
		{"1e21", `1e+21`, "cb444b1ae4d6e2ef50"},
		{"text", `"hi"`, "b26869"},
		{"no text", `""`, "b0"},
		{"16 bytes of text", `"` + long + `"`, "d80010" + hex.EncodeToString([]byte(long))},
		{"65,536 bytes of text", `"` + longer + `"`, "d900010000" + hex.EncodeToString([]byte(longer))},
		{"unicode", `"é☃😀"`, "b9c3a9e29883f09f9880"},
		{"what JSON escapes", `"\"\\\n\u0000/"`, "b5225c0a002f"},
		{"array", `[]`, "90"},
		{"object", `{"a":1,"b":[true,null]}`, "82b16101b16292c3c0"},
		{"16 elements", `[` + strings.Repeat("0,", 15) + `0]`, "dc0010" + strings.Repeat("00", 16)},
		{"65,536 elements", `[` + strings.Repeat("0,", 65535) + `0]`, "dd00010000" + strings.Repeat("00", 65536)},
		{"keys twice and in their order", `{"b":1,"a":2,"b":3}`, "83b16201b16102b16203"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			got, err := binarypack.FromJSON([]byte(tt.json))
			if err != nil || hex.EncodeToString(got) != tt.pack {
				t.Errorf("FromJSON = %s, %v, want %s", brief(hex.EncodeToString(got)), err, brief(tt.pack))
			}
			pack, err := hex.DecodeString(tt.pack)
			if err != nil {
				t.Fatal(err)
			}
			text, err := binarypack.ToJSON(pack, noLimit)
			if err != nil || string(text) != tt.json {
				t.Errorf("ToJSON = %s, %v, want %s", brief(string(text)), err, brief(tt.json))
			}
		})
	}
}

func brief(s string) string {
	if len(s) > 100 {
		return s[:100] + "…"
	}
	return s
}

// What JSON cannot say has a place in it all the same.
func TestToJSON(t *testing.T) {
	for _, tt := range []struct{ name, pack, want string }{
		{"undefined", "c1", `null`},
		{"undefined in an array", "92c101", `[null,1]`},
		{"undefined in an object", "83b161c1b16201b163c1", `{"b":1}`},
		{"only undefined", "81b161c1", `{}`},
		{"bytes within", "81b164a401020304", `{"d":"AQIDBA=="}`},
		{"long bytes within", "91da0003ffffff", `["////"]`},
		{"NaN", "cb7ff8000000000000", `null`},
		{"infinity", "cbfff0000000000000", `null`},
		{"-0", "cb8000000000000000", `0`},
		{"float32", "ca3fc00000", `1.5`},
		{"float32 infinity", "ca7f800000", `null`},
		{"int64 below 2^53", "d30000000100000000", `4294967296`},
		{"int64 over 2^53 keeps its digits", "d30020000000000001", `9007199254740993`},
		{"negative int64", "d3fffffffed5fa0e00", `-5000000000`},
		{"least int64", "d38000000000000000", `-9223372036854775808`},
		{"uint64", "cfffffffffffffffff", `18446744073709551615`},
		{"an uint64 that fits", "cf0000000000000007", `7`},
		{"wide codes of small numbers", "93cc00ce00000001d1ffff", `[0,1,-1]`},
		{"long code of short text", "d80001" + "61", `"a"`},
		{"long codes of short ones", "dd00000001df00000000", `[{}]`},
	} {
		t.Run(tt.name, func(t *testing.T) {
			got, err := binarypack.ToJSON(unhex(t, tt.pack), noLimit)
			if err != nil || string(got) != tt.want {
				t.Errorf("ToJSON(%s) = %s, %v, want %s", tt.pack, got, err, tt.want)
			}
		})
	}
}

func TestFromJSON(t *testing.T) {
	for _, tt := range []struct{ name, json, want string }{
		{"white space", " {\t\"a\" :\r\n[ 1 , 2 ] , \"b\" : { } } ", "82b161920102b16280"},
		{"an integer that looks like a float", `1.0e2`, "64"},
		{"-0", `-0`, "00"},
		{"2^53+1 is rounded", `9007199254740993`, "cb4340000000000000"},
		{"subnormal", `5e-324`, "cb0000000000000001"},
		{"a lone surrogate", `"\ud800"`, "b3efbfbd"},
		{"a pair of surrogates", `"\ud83d\ude00"`, "b4f09f9880"},
		{"not UTF-8", "\"\xff\"", "b3efbfbd"},
		{"escapes in a key", `{"\u0061\"":"\/"}`, "81b26122b12f"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			got, err := binarypack.FromJSON([]byte(tt.json))
			if err != nil || hex.EncodeToString(got) != tt.want {
				t.Errorf("FromJSON(%s) = %x, %v, want %s", tt.json, got, err, tt.want)
			}
		})
	}
}

func TestRefusals(t *testing.T) {
	deep := func(n int) string { return strings.Repeat("91", n) + "c0" }
	deepJSON := func(n int) string { return strings.Repeat("[", n) + "1" + strings.Repeat("]", n) }
	for _, tt := range []struct{ name, pack, want string }{
		{"nothing", "", "ends too soon"},
		{"an unknown code", "c4", "unknown code"},
		{"an unknown code of four", "d7", "unknown code"},
		{"a short number", "cd01", "ends too soon"},
		{"short text", "b26", "ends too soon"},
		{"array of 2^32-1", "ddffffffff", "length"},
		{"object of 2^32-1", "dfffffffff", "length"},
		{"object of more members than bytes", "df00000003" + "b0c0b0c0b0", "length"},
		{"text of 2^32-1", "d9ffffffff", "length"},
		{"bytes of 2^32-1", "dbffffffff", "length"},
		{"too deep", deep(binarypack.MaxDepth + 1), "too deep"},
		{"depth 10^6", deep(1_000_000), "too deep"},
		{"a key that is a number", "81" + "01" + "01", "key"},
		{"not UTF-8", "b1ff", "UTF-8"},
		{"a surrogate", "b3eda080", "UTF-8"},
		{"two values", "c0c0", "follows"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			if len(tt.pack)%2 == 1 {
				tt.pack += "8" // half a byte was cut off
			}
			_, err := binarypack.ToJSON(unhex(t, tt.pack), noLimit)
			syntax := new(binarypack.SyntaxError)
			if !errors.As(err, &syntax) || !strings.Contains(err.Error(), tt.want) {
				t.Errorf("ToJSON = %v, want a SyntaxError about %q", err, tt.want)
			}
		})
	}
	for _, tt := range []struct{ name, json, want string }{
		{"not JSON", `{`, "not JSON"},
		{"nothing", ``, "not JSON"},
		{"a number out of range", `1e999`, "out of range"},
		{"too deep", deepJSON(binarypack.MaxDepth + 1), "too deep"},
		{"depth 10^6", deepJSON(1_000_000), "not JSON"}, // encoding/json has a limit of its own
	} {
		t.Run("JSON: "+tt.name, func(t *testing.T) {
			if _, err := binarypack.FromJSON([]byte(tt.json)); err == nil || !strings.Contains(err.Error(), tt.want) {
				t.Errorf("FromJSON = %v, want %q", err, tt.want)
			}
		})
	}
	t.Run("as deep as is allowed", func(t *testing.T) {
		pack, err := binarypack.FromJSON([]byte(deepJSON(binarypack.MaxDepth)))
		if err != nil {
			t.Fatal(err)
		}
		if _, err := binarypack.ToJSON(pack, noLimit); err != nil {
			t.Error(err)
		}
	})
}

func TestToJSONLimit(t *testing.T) {
	pack, err := binarypack.FromJSON([]byte(`{"a":[1,"xyz"]}`))
	if err != nil {
		t.Fatal(err)
	}
	size := len(`{"a":[1,"xyz"]}`)
	if _, err := binarypack.ToJSON(pack, size); err != nil {
		t.Errorf("at the limit: %v", err)
	}
	if _, err := binarypack.ToJSON(pack, size-1); !errors.Is(err, binarypack.ErrTooLong) {
		t.Errorf("over the limit: %v, want ErrTooLong", err)
	}
}

func TestBytes(t *testing.T) {
	for _, tt := range []struct {
		pack, want string
		ok         bool
	}{
		{"a3010203", "\x01\x02\x03", true},
		{"a0", "", true},
		{"db00000001ff", "\xff", true},
		{"b161", "", false},
		{"a3010203c0", "", false},
		{"a30102", "", false},
		{"91a101", "", false},
	} {
		got, ok := binarypack.Bytes(unhex(t, tt.pack))
		if ok != tt.ok || ok && string(got) != tt.want {
			t.Errorf("Bytes(%s) = %x, %v, want %x, %v", tt.pack, got, ok, tt.want, tt.ok)
		}
	}
}

func unhex(t *testing.T, s string) []byte {
	t.Helper()
	b, err := hex.DecodeString(s)
	if err != nil {
		t.Fatal(err)
	}
	return b
}
