package signing_test

import (
	"math"
	"math/big"
	"reflect"
	"strings"
	"testing"

	"github.com/liberdus/liberdus/internal/signing"
)

func TestParseGivesTypes(t *testing.T) {
	got, err := signing.Parse([]byte(`{"n":null,"b":true,"f":1.5,"s":"\ud800é","i":{"dataType":"bi","value":"00FF"},` +
		`"x":{"dataType":"bb","value":"aGk="},"y":[{"dataType":"u8ab","value":"AQID"}],"o":{"dataType":"zz"},` +
		`"sig":{"dataType":"bi","value":"00"},"inf":[1e999,-1e999]}`))
	want := signing.Object{
		"n": nil, "b": true, "f": 1.5, "s": "\xed\xa0\x80é", "i": big.NewInt(255),
		"x": signing.Buffer("hi"), "y": []any{signing.Bytes{1, 2, 3}}, "o": signing.Object{"dataType": "zz"},
		"sig": signing.Object{"dataType": "bi", "value": "00"}, "inf": []any{math.Inf(1), math.Inf(-1)},
	}
	if err != nil || !reflect.DeepEqual(got, want) {
		t.Errorf("Parse = %#v, %v, want %#v", got, err, want)
	}
}

func TestParseErrors(t *testing.T) {
	for _, tt := range []struct{ name, text, want string }{
		{"empty", "", "at byte 0: the text ends, want a value"},
		{"cut", `{"a":1`, `at byte 6: the text ends, want a comma or '}'`},
		{"cut string", `["ab`, "at byte 4: the text ends, want the end of the string"},
		{"cut escaped string", `["a\n`, "at byte 5: the text ends, want the end of the string"},
		{"cut escape", `["\`, "at byte 2: the text ends in an escape"},
		{"cut unicode escape", `["\u12`, "at byte 2: \\u without four hex digits"},
		{"bad escape", `["\x"]`, `at byte 2: unknown escape "\\x"`},
		{"word", `[nil]`, `at byte 1: found "n", want null`},
		{"no value", `[,]`, `at byte 1: found ",", want a value`},
		{"no comma", `[1 2]`, `at byte 3: found "2", want a comma or ']'`},
		{"no colon", `{"a" 1}`, `at byte 5: found "1", want a colon`},
		{"no name", `{1:1}`, `at byte 1: found "1", want a member name`},
		{"comma at the end", `{"a":1,}`, `at byte 7: found "}", want a member name`},
		{"number without digits", `[-]`, `at byte 2: found "]", want a digit`},
		{"NUL", "[\x00]", `at byte 1: found "\x00", want a value`},
		{"NUL after", "[]\x00", "at byte 2: text after the value"},
		{"more text", `{} {}`, "at byte 3: text after the value"},
		{"control character", "\"a\x01\"", "at byte 2: control character"},
		{"control character after an escape", "\"\\n\x01\"", "at byte 3: control character"},
		{"not UTF-8", "[\"ab\xff\"]", "at byte 4: the text is not UTF-8"},
		{"not UTF-8 after an escape", "[\"\\n\xc3\"]", "at byte 4: the text is not UTF-8"},
		{"raw surrogate", "\"\xed\xa0\x80\"", "at byte 1: the text is not UTF-8"},
		{"overlong", "\"\xc0\x80\"", "at byte 1: the text is not UTF-8"},
		{"not UTF-8 outside", "\xff", `at byte 0: found "\xff", want a value`},
		{"bigint", `[1, {"dataType":"bi","value":"g"}]`, "at byte 4: bigint with digits that are not hex"},
		{"bigint without value", `{"dataType":"bi"}`, "at byte 0: bigint without digits"},
		{"base64 beyond ASCII", `{"dataType":"bb","value":"é"}`, "at byte 0: base64 with the byte 0xc3"},
		{"long number", strings.Repeat("1", signing.MaxNumber+1), "at byte 0: number of 801 characters"},
		{"deep", strings.Repeat(`{"a":`, 1000), "at byte 320: nested deeper than 64 levels"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			v, err := signing.Parse([]byte(tt.text))
			if err == nil || !strings.Contains(err.Error(), tt.want) {
				t.Errorf("Parse = %v, %v, want an error with %q", v, err, tt.want)
			}
		})
	}
}

func TestParseLongNumber(t *testing.T) {
	for _, tt := range []struct {
		text string
		want float64
	}{
		{strings.Repeat("1", signing.MaxNumber), math.Inf(1)},
		{"0." + strings.Repeat("0", 790) + "1e791", 1},
		{"1" + strings.Repeat("0", 794) + "e-794", 1},
	} {
		if got, err := signing.Parse([]byte(tt.text)); got != tt.want || err != nil {
			t.Errorf("Parse(%.10s… of %d) = %v, %v, want %v", tt.text, len(tt.text), got, err, tt.want)
		}
	}
}

func TestParseObjectWantsAnObject(t *testing.T) {
	for _, text := range []string{`[]`, `null`, `"{}"`, `{"dataType":"bi","value":"1"}`, `{`} {
		if o, err := signing.ParseObject([]byte(text)); err == nil {
			t.Errorf("ParseObject(%s) = %v, want an error", text, o)
		}
	}
}

// A bigint of a megabyte must not take quadratic time; at that rate this test would run for minutes.
func TestParseLargeBigInt(t *testing.T) {
	text := `{"dataType":"bi","value":"` + strings.Repeat("f", 8<<20) + `"}`
	v, err := signing.Parse([]byte(text))
	if err != nil {
		t.Fatal(err)
	}
	if got := canonical(t, v); got != text {
		t.Error("Canonical differs")
	}
}
