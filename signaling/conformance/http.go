package conformance

import (
	"fmt"
	"time"
)

const rootBody = `{"name":"PeerJS Server","description":"A server side element to broker connections between PeerJS clients.","website":"https://peerjs.com/"}`

func httpStatements() []Statement {
	const someID = "200 text/html a UUID v4"
	const origin = "https://x.example"
	bases := func(c *check) string {
		s, refused := c.dial("/myapp/peerjs?" + query(Key, "a", "t"))
		if refused == "" {
			refused = s.next()
		}
		return join(
			all(c.status("/myapp"), c.status("/myapp/"), c.status("/myapp/peerjs/id")),
			all(c.status("/"), c.status("/peerjs/id")),
			"socket "+refused)
	}
	const based = "200 each time · 404 each time · socket " + open
	const ourPage = "200 each time · 200 · 404 · socket " + open
	const why15 = "the archiver's page is at /"
	return []Statement{
		{
			Number: 1, Asked: "GET /", Want: "200 application/json; charset=utf-8 " + rootBody,
			observe: func(c *check) string {
				a := c.get("/")
				return fmt.Sprintf("%d %s %s", a.status, a.header.Get("Content-Type"), a.body)
			},
		},
		{Number: 2, Asked: "GET /peerjs/id", Want: someID, observe: func(c *check) string { return c.get("/peerjs/id").id() }},
		{
			Number: 3, Asked: "GET /peerjs/id twice", Want: "two ids",
			observe: func(c *check) string {
				if one, two := c.get("/peerjs/id").body, c.get("/peerjs/id").body; one == two {
					return "the same id"
				}
				return "two ids"
			},
		},
		{Number: 4, Asked: "GET /other/id, another key", Want: someID, observe: func(c *check) string { return c.get("/other/id").id() }},
		{Number: 5, Asked: "GET /peerjs/id with a query", Want: someID, observe: func(c *check) string { return c.get("/peerjs/id?ts=1&version=1.5.5").id() }},
		{
			Number: 6, Asked: "GET /peerjs/id/ and /peerjs//id", Want: someID + " · 404", Reference: someID + " · " + someID, Why: "a doubled slash is another path",
			observe: func(c *check) string {
				twice := c.get("/peerjs//id")
				if twice.status == 404 {
					return join(c.get("/peerjs/id/").id(), "404")
				}
				return join(c.get("/peerjs/id/").id(), twice.id())
			},
		},
		{
			Number: 7, Asked: "GET /peerjs/peers without discovery", Want: `401 text/plain "Unauthorized"`,
			observe: func(c *check) string { return c.get("/peerjs/peers").text() },
		},
		{
			Number: 8, Asked: "GET /peerjs/peers with discovery: nobody, bob, nobody again", Options: Options{AllowDiscovery: true},
			Want: "200 application/json \"[]\" · [\"bob\"] · []",
			observe: func(c *check) string {
				empty := c.get("/peerjs/peers").text()
				bob := c.reg("bob")
				there := c.peers()
				bob.leave()
				return join(empty, there, c.awaitPeers("[]"))
			},
		},
		{Number: 9, Asked: "GET /peerjs without an upgrade", Want: "404", observe: func(c *check) string { return c.status("/peerjs") }},
		{
			Number: 10, Asked: "POST to /peerjs/id and to the paths of PeerJS 0.x", Want: "404 each time",
			observe: func(c *check) string {
				var got []string
				for _, path := range []string{"id", "a/t/offer", "a/t/candidate", "a/t/answer", "a/t/leave", "a/t/id"} {
					got = append(got, fmt.Sprint(c.call("POST", "/peerjs/"+path).status))
				}
				return all(got...)
			},
		},
		{
			Number: 11, Asked: "GET with an Origin: 200, 401 and 404", Want: "200 https://x.example · 401 https://x.example · 404 https://x.example · Vary: Origin each time",
			observe: func(c *check) string {
				var got, vary []string
				for _, path := range []string{"/peerjs/id", "/peerjs/peers", "/peerjs/nope"} {
					a := c.get(path, "Origin", origin)
					got = append(got, fmt.Sprint(a.status, " ", a.allowed()))
					vary = append(vary, a.vary("Origin"))
				}
				return join(join(got...), all(vary...))
			},
		},
		{Number: 12, Asked: "GET without an Origin", Want: "no origin", observe: func(c *check) string { return c.get("/peerjs/id").allowed() }},
		{
			Number: 13, Asked: "OPTIONS /peerjs/id with Access-Control-Request-Headers", Want: "204 https://x.example · headers a,b · methods GET,HEAD,PUT,PATCH,POST,DELETE · Vary: Origin",
			observe: func(c *check) string {
				a := c.call("OPTIONS", "/peerjs/id", "Origin", origin, "Access-Control-Request-Headers", "a,b")
				return join(fmt.Sprint(a.status, " ", a.allowed()), "headers "+a.header.Get("Access-Control-Allow-Headers"),
					"methods "+a.header.Get("Access-Control-Allow-Methods"), a.vary("Origin"))
			},
		},
		{
			Number: 14, Asked: "--cors https://a --cors https://b, asked by a, b and c", Options: Options{CORS: []string{"https://a", "https://b"}},
			Want: "200 https://a · 200 https://b · 200 no origin",
			observe: func(c *check) string {
				var got []string
				for _, o := range []string{"https://a", "https://b", "https://c"} {
					a := c.get("/peerjs/id", "Origin", o)
					got = append(got, fmt.Sprint(a.status, " ", a.allowed()))
				}
				return join(got...)
			},
		},
		{Number: 15, Asked: "--path /myapp: below it, beside it, the socket", Options: Options{Path: "/myapp"}, Want: based, Archiver: ourPage, Why: why15, observe: bases},
		{Number: 16, Asked: "--path /myapp/: the same", Options: Options{Path: "/myapp/"}, Want: based, Archiver: ourPage, Why: why15, observe: bases},
		{
			Number: 17, Asked: "--path myapp: the same", Options: Options{Path: "myapp"}, Want: based, Archiver: ourPage,
			Reference: "404 each time · 404 each time · socket " + open, Why: "a path without a slash means the same path", observe: bases,
		},
		{
			Number: 18, Asked: "GET /peerjs/id where every id made is abcd", Options: Options{GenerateConstant: "abcd"}, Want: `200 text/html "abcd"`,
			observe: func(c *check) string { return c.get("/peerjs/id").id() },
		},
		{
			Number: 19, Asked: "the same while abcd is registered", Options: Options{GenerateConstant: "abcd"},
			Want: "503", Reference: "no answer", Why: "the reference looks for a free id for ever, and serves nobody meanwhile",
			observe: func(c *check) string {
				c.reg("abcd")
				a, err := c.tryCall("GET", "/peerjs/id", 2*time.Second)
				if err != nil {
					return "no answer"
				}
				return fmt.Sprint(a.status)
			},
		},
	}
}

func (c *check) status(path string) string { return fmt.Sprint(c.get(path).status) }

func (a answer) text() string { return fmt.Sprintf("%d %s %q", a.status, a.kind(), a.body) }

func (a answer) vary(on string) string {
	if a.varies(on) {
		return "Vary: " + on
	}
	return "Vary lacks " + on
}
