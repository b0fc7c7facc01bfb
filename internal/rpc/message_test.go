package rpc_test

import (
	"context"
	"reflect"
	"strings"
	"testing"
	"time"

	"github.com/liberdus/liberdus/internal/rpc"
)

// What the handler sees of a message, and how the reply names it.
func TestRequests(t *testing.T) {
	for _, tt := range []struct {
		name  string
		msg   string
		want  rpc.Request
		reply string // without body and sender
	}{
		{
			name:  "the form of the first clients",
			msg:   `{"url":"account/id","method":"GET","body":{"id":"abc123"},"sender":"someone else"}`,
			want:  rpc.Request{URL: "account/id", Method: "GET", Body: []byte(`{"id":"abc123"}`)},
			reply: `{"type":"account","method":"GET","status":200`,
		},
		{
			name:  "every member",
			msg:   `{"id":"7","url":"inject","method":"POST","body":{"tx":"…"},"sender":"x","timeout":5000}`,
			want:  rpc.Request{ID: []byte(`"7"`), URL: "inject", Method: "POST", Body: []byte(`{"tx":"…"}`), Timeout: 5 * time.Second},
			reply: `{"id":"7","type":"inject","method":"POST","status":200`,
		},
		{
			name:  "the url alone",
			msg:   `{"url":"timestamp"}`,
			want:  rpc.Request{URL: "timestamp", Method: "GET"},
			reply: `{"type":"timestamp","method":"GET","status":200`,
		},
		{
			name:  "null is absent",
			msg:   `{"id":null,"url":"x","method":null,"timeout":null}`,
			want:  rpc.Request{URL: "x", Method: "GET"},
			reply: `{"type":"x","method":"GET","status":200`,
		},
		{
			name:  "but a null body is a body",
			msg:   `{"url":"x","body":null}`,
			want:  rpc.Request{URL: "x", Method: "GET", Body: []byte("null")},
			reply: `{"type":"x","method":"GET","status":200`,
		},
		{
			name:  "leading slash, query, lower case",
			msg:   `{"id":1,"url":"/account/a?x=/y","method":"get"}`,
			want:  rpc.Request{ID: []byte("1"), URL: "account/a?x=/y", Method: "GET"},
			reply: `{"id":1,"type":"account","method":"GET","status":200`,
		},
		{
			name:  "an empty method is none",
			msg:   `{"url":"x","method":""}`,
			want:  rpc.Request{URL: "x", Method: "GET"},
			reply: `{"type":"x","method":"GET","status":200`,
		},
		{
			name:  "the root",
			msg:   `{"id":1,"url":"/"}`,
			want:  rpc.Request{ID: []byte("1"), Method: "GET"},
			reply: `{"id":1,"type":"","method":"GET","status":200`,
		},
		{
			name:  "only one slash is taken away",
			msg:   `{"id":1,"url":"//account/x"}`,
			want:  rpc.Request{ID: []byte("1"), URL: "/account/x", Method: "GET"},
			reply: `{"id":1,"type":"","method":"GET","status":200`,
		},
		{
			name:  "an id is echoed as it is spelt",
			msg:   `{ "id" : "\u0041<&>\ud800 é" , "url":"x"}`,
			want:  rpc.Request{ID: []byte(`"\u0041<&>\ud800 é"`), URL: "x", Method: "GET"},
			reply: `{"id":"\u0041<&>\ud800 é","type":"x","method":"GET","status":200`,
		},
		{
			name:  "an empty id",
			msg:   `{"id":"","url":"x"}`,
			want:  rpc.Request{ID: []byte(`""`), URL: "x", Method: "GET"},
			reply: `{"id":"","type":"x","method":"GET","status":200`,
		},
		{
			name:  "a number beyond any float as id",
			msg:   `{"id":-1.50e+999,"url":"x"}`,
			want:  rpc.Request{ID: []byte(`-1.50e+999`), URL: "x", Method: "GET"},
			reply: `{"id":-1.50e+999,"type":"x","method":"GET","status":200`,
		},
		{
			name:  "unknown members, and the last of two",
			msg:   `{"URL":"y","url":"z","url":"x","ids":[{}],"__proto__":1}`,
			want:  rpc.Request{URL: "x", Method: "GET"},
			reply: `{"type":"x","method":"GET","status":200`,
		},
		{
			name:  "the longest of each",
			msg:   `{"id":"` + strings.Repeat("i", 126) + `","url":"` + strings.Repeat("u", 1024) + `","method":"` + strings.Repeat("m", 16) + `"}`,
			want:  rpc.Request{ID: []byte(`"` + strings.Repeat("i", 126) + `"`), URL: strings.Repeat("u", 1024), Method: strings.Repeat("M", 16)},
			reply: `{"id":"` + strings.Repeat("i", 126) + `","type":"` + strings.Repeat("u", 1024) + `","method":"` + strings.Repeat("M", 16) + `","status":200`,
		},
	} {
		t.Run(tt.name, func(t *testing.T) {
			var got rpc.Request
			s := serve(t, 1, config(), func(_ context.Context, r rpc.Request) rpc.Response {
				got = r
				return rpc.JSON([]byte(`{}`))
			})
			s.send(t, tt.msg)
			reply := s.recv(t)
			if want := tt.reply + `,"body":{},"sender":"node"}`; reply != want {
				t.Errorf("reply = %s, want %s", reply, want)
			}
			if !reflect.DeepEqual(got, tt.want) {
				t.Errorf("request = %+v, want %+v", got, tt.want)
			}
		})
	}
}

func TestTimeouts(t *testing.T) {
	for _, tt := range []struct {
		timeout string
		want    time.Duration
	}{
		{"5000", 5 * time.Second},
		{"2.5e3", 2500 * time.Millisecond},
		{"0.25", 250 * time.Microsecond},
		{"1e-99", 1}, // not 0, which is none
		{"60000", time.Minute},
		{"60001", time.Minute},
		{"1e300", time.Minute},
		{"1e999", time.Minute},
	} {
		t.Run(tt.timeout, func(t *testing.T) {
			r, err := rpc.DecodeRequest([]byte(`{"url":"x","timeout":` + tt.timeout + `}`))
			if err != nil || r.Timeout != tt.want {
				t.Errorf("timeout = %v, %v, want %v", r.Timeout, err, tt.want)
			}
		})
	}
}

// What is no request gets a fault, and the session lives on.
func TestFaults(t *testing.T) {
	const none = "a message must be a JSON object with a url"
	s := serve(t, 1, config(), echo)
	for _, tt := range []struct {
		name, msg string
		head      string // of the reply
		text      string
	}{
		{"nothing", ``, `{"type":"error"`, none},
		{"no JSON", `hello`, `{"type":"error"`, none},
		{"half an object", `{"id":1,"url":"x"`, `{"type":"error"`, none},
		{"two objects", `{"url":"x"}{"url":"y"}`, `{"type":"error"`, none},
		{"null", `null`, `{"type":"error"`, none},
		{"an array", `[{"url":"x"}]`, `{"type":"error"`, none},
		{"a string", `"{\"url\":\"x\"}"`, `{"type":"error"`, none},
		{"nested too deep", strings.Repeat(`{"url":`, 20000), `{"type":"error"`, none},
		{"not UTF-8", "{\"id\":\"\xff\",\"url\":\"x\"}", `{"type":"error"`, "a message must be UTF-8"},
		{"no url", `{"id":"7"}`, `{"id":"7","type":"error"`, none},
		{"url null", `{"id":"7","url":null}`, `{"id":"7","type":"error"`, none},
		{"url empty", `{"id":"7","url":""}`, `{"id":"7","type":"error"`, none},
		{"url a number", `{"id":7,"url":7}`, `{"id":7,"type":"error"`, "url must be a string"},
		{"url too long", `{"id":7,"url":"/` + strings.Repeat("u", 1025) + `"}`, `{"id":7,"type":"error"`, "url of 1025 bytes is over 1024"},
		{"id an object", `{"id":{"a":1},"url":"x"}`, `{"type":"error"`, "id must be a string or a number"},
		{"id true", `{"id":true,"url":"x"}`, `{"type":"error"`, "id must be a string or a number"},
		{"id too long", `{"id":"` + strings.Repeat("i", 127) + `","url":"x"}`, `{"type":"error"`, "id of 129 bytes is over 128"},
		{"method a number", `{"id":7,"url":"x/y","method":1}`, `{"id":7,"type":"x","method":"GET"`, "method must be a string"},
		{"method too long", `{"id":7,"url":"x","method":"` + strings.Repeat("m", 17) + `"}`, `{"id":7,"type":"x","method":"GET"`, "method of 17 bytes is over 16"},
		{"timeout a string", `{"id":7,"url":"x","method":"POST","timeout":"5"}`, `{"id":7,"type":"x","method":"POST"`, "timeout must be a positive number of milliseconds"},
		{"timeout true", `{"url":"x","timeout":true}`, `{"type":"x","method":"GET"`, "timeout must be a positive number of milliseconds"},
		{"timeout zero", `{"id":7,"url":"x","timeout":0}`, `{"id":7,"type":"x","method":"GET"`, "timeout must be a positive number of milliseconds"},
		{"timeout negative", `{"id":7,"url":"x","timeout":-1}`, `{"id":7,"type":"x","method":"GET"`, "timeout must be a positive number of milliseconds"},
		{"timeout minus infinity", `{"id":7,"url":"x","timeout":-1e999}`, `{"id":7,"type":"x","method":"GET"`, "timeout must be a positive number of milliseconds"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			s.send(t, tt.msg)
			want := tt.head + `,"status":400,"body":{"code":"bad-request","error":"` + tt.text + `"},"sender":"node"}`
			if got := s.recv(t); got != want {
				t.Errorf("reply = %s, want %s", got, want)
			}
			s.send(t, `{"url":"x","body":1}`)
			if got, want := s.recv(t), `{"type":"x","method":"GET","status":200,"body":1,"sender":"node"}`; got != want {
				t.Errorf("reply to the next = %s, want %s", got, want)
			}
		})
	}
}

func TestResponses(t *testing.T) {
	const tooLarge = `"status":413,"body":{"code":"too-large","error":"the reply has 2071 bytes, the connection carries 2000"}`
	for _, tt := range []struct {
		name string
		resp rpc.Response
		want string // of the reply, after its method
	}{
		{"JSON", rpc.JSON([]byte(`{"a":"<é&>"}`)), `"status":200,"body":{"a":"<é&>"}`},
		{"another status", rpc.Response{Status: 410, Body: []byte(`[]`)}, `"status":410,"body":[]`},
		{"no body", rpc.Response{Status: 200}, `"status":200,"body":null`},
		{"a fault", rpc.Fault(rpc.Busy, "later"), `"status":429,"body":{"code":"busy","error":"later"}`},
		{"text", rpc.Response{Status: 404, Body: []byte("<html>\n\""), ContentType: "text/html"}, `"status":404,"contentType":"text/html","body":"<html>\n\""`},
		{"text that is not UTF-8", rpc.Response{Status: 200, Body: []byte("a\xffb"), ContentType: "text/plain"}, `"status":200,"contentType":"text/plain","body":"a\ufffdb"`},
		{"empty text", rpc.Response{Status: 200, ContentType: "text/plain"}, `"status":200,"contentType":"text/plain","body":""`},
		{"none", rpc.Response{}, `"status":503,"body":{"code":"unavailable","error":"no answer"}`},
		{"a body that is no JSON", rpc.JSON([]byte(`{`)), `"status":503,"body":{"code":"unavailable","error":"the answer could not be encoded"}`},
		{"the largest", rpc.JSON([]byte(`"` + strings.Repeat("x", 1923) + `"`)), `"status":200,"body":"` + strings.Repeat("x", 1923) + `"`},
		{"too large", rpc.JSON([]byte(`"` + strings.Repeat("x", 1998) + `"`)), tooLarge},
	} {
		t.Run(tt.name, func(t *testing.T) {
			node, client := pipe(1)
			node.maxSend = 2000
			done := make(chan error, 1)
			go func() {
				h := func(context.Context, rpc.Request) rpc.Response { return tt.resp }
				done <- rpc.Serve(context.Background(), node, config(), h, discard())
			}()
			client.send(t, `{"id":7,"url":"x"}`)
			want := `{"id":7,"type":"x","method":"GET",` + tt.want + `,"sender":"node"}`
			if got := client.recv(t); got != want {
				t.Errorf("reply = %s (%d bytes), want %s (%d)", got, len(got), want, len(want))
			}
			client.close()
			<-done
		})
	}
}

func TestFaultStatuses(t *testing.T) {
	for code, want := range map[rpc.Code]int{
		rpc.BadRequest: 400, rpc.NotFound: 404, rpc.TooLarge: 413, rpc.Busy: 429, rpc.Unavailable: 503, rpc.Timeout: 504,
	} {
		f := rpc.Fault(code, `say "what"`)
		if body := `{"code":"` + string(code) + `","error":"say \"what\""}`; f.Status != want || string(f.Body) != body || f.ContentType != "" {
			t.Errorf("Fault(%s) = %d %s %s, want %d %s", code, f.Status, f.ContentType, f.Body, want, body)
		}
	}
}
