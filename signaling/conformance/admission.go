package conformance

import (
	"strings"
)

const (
	noParams = `{"type":"ERROR","payload":{"msg":"No id, token, or key supplied to websocket server"}}`
	badKey   = `{"type":"ERROR","payload":{"msg":"Invalid key provided"}}`
	taken    = `{"type":"ID-TAKEN","payload":{"msg":"ID is taken"}}`
	full     = `{"type":"ERROR","payload":{"msg":"Server has reached its concurrent user limit"}}`
)

func admissionStatements() []Statement {
	closed := func(frame string) string { return join(frame, "close 1005") }
	return []Statement{
		{
			Number: 20, Asked: "a socket without key, id or token", Want: join(noParams, "close 1005") + " each time",
			observe: func(c *check) string {
				var got []string
				for _, q := range []string{
					"", query(Key, "", ""), query(Key, "a", ""), query(Key, "", "t"), query("", "a", "t"), "key=" + Key + "&id=&token=t",
				} {
					got = append(got, c.refusal(q))
				}
				return all(got...)
			},
		},
		{Number: 21, Asked: "a socket with another key", Want: closed(badKey), observe: func(c *check) string { return c.refusal(query("x", "a", "t")) }},
		{Number: 22, Asked: "a socket with another key and no token", Want: closed(noParams), observe: func(c *check) string { return c.refusal(query("x", "a", "")) }},
		{Number: 23, Asked: "a socket with key, id and token", Want: open, observe: func(c *check) string { return c.ws(query(Key, "a", "t")).next() }},
		{Number: 24, Asked: "the same with version and other parameters", Want: open, observe: func(c *check) string { return c.ws(query(Key, "a", "t") + "&version=1.5.5&x=y").next() }},
		{
			Number: 25, Asked: "an id that is registered with another token", Want: closed(taken) + " · the owner keeps it",
			observe: func(c *check) string {
				a := c.reg("a")
				got := c.refusal(query(Key, "a", "other"))
				if h := a.heard(); h != nothing {
					return join(got, "the owner hears "+h)
				}
				return join(got, "the owner keeps it")
			},
		},
		{
			Number: 26, Asked: "a full server: a stranger, with another key, the owner's id with another token, the owner", Options: Options{ConcurrentLimit: new(1)},
			Want: join(closed(full), closed(badKey), closed(taken), "admitted"),
			observe: func(c *check) string {
				c.reg("a")
				got := join(c.refusal(query(Key, "b", "t")), c.refusal(query("x", "b", "t")), c.refusal(query(Key, "a", "other")))
				back := c.ws(query(Key, "a", "t"))
				back.id = "a"
				if h := back.heard(); strings.Contains(h, "close") || strings.Contains(h, "hangs") {
					return join(got, h)
				}
				return join(got, "admitted")
			},
		},
		{
			Number: 27, Asked: "a server for nobody (limit 0)", Options: Options{ConcurrentLimit: new(0)}, Want: closed(full),
			observe: func(c *check) string { return c.refusal(query(Key, "a", "t")) },
		},
		{
			Number: 28, Asked: "a full server that somebody left", Options: Options{ConcurrentLimit: new(1), AllowDiscovery: true}, Want: open,
			observe: func(c *check) string {
				c.reg("a").leave()
				c.awaitPeers("[]")
				return c.ws(query(Key, "b", "t")).next()
			},
		},
		{
			Number: 29, Asked: "id twice in the query", Want: "second",
			observe: func(c *check) string { return c.nameOf("key=" + Key + "&id=first&id=second&token=t") },
		},
		{
			Number: 30, Asked: "ids a+b, %E2%82%AC and %zz in the query", Want: "a b · € · %zz",
			observe: func(c *check) string {
				var got []string
				for _, id := range []string{"a+b", "%E2%82%AC", "%zz"} {
					got = append(got, c.nameOf("key="+Key+"&id="+id+"&token=t"))
				}
				return join(got...)
			},
		},
		{
			Number: 31, Asked: "an upgrade at /peerjs/, /PEERJS and /nope", Want: "400 each time",
			observe: func(c *check) string {
				var got []string
				for _, path := range []string{"/peerjs/", "/PEERJS", "/nope"} {
					_, refused := c.dial(path + "?" + query(Key, "a", "t"))
					got = append(got, refused)
				}
				return all(got...)
			},
		},
		{
			Number: 32, Asked: "an upgrade with a foreign Origin", Want: open,
			observe: func(c *check) string { return c.ws(query(Key, "a", "t"), "Origin", "https://foreign.example").next() },
		},
		{
			Number: 33, Asked: "the owner connects again with its token: new socket, older one", Want: open + " · close 1005", Reference: "nothing · nothing",
			Why: "PeerJS waits for OPEN after reconnect(); and the older socket would keep the identity",
			observe: func(c *check) string {
				older, newer := c.again()
				return join(newer.heard(), older.nextWithin(c.due()))
			},
		},
		{
			Number: 34, Asked: "a message to it then: new socket, older one", Want: delivered("OFFER", "b", "a", "1") + " · nothing",
			observe: func(c *check) string {
				older, newer := c.again()
				newer.heard()
				b := c.reg("b")
				b.send(message("OFFER", "a", "1"))
				return join(newer.next(), onlyFrames(older.collect(short)))
			},
		},
		{
			Number: 35, Asked: "and when the older socket has closed", Want: delivered("OFFER", "b", "a", "1"),
			observe: func(c *check) string {
				older, newer := c.again()
				newer.heard()
				older.sayClose()
				older.collect(moment) // until its connection has ended
				older.drop()
				b := c.reg("b")
				b.send(message("OFFER", "a", "1"))
				return newer.next()
			},
		},
	}
}

// refusal opens a socket that is to be refused and returns what it is told.
func (c *check) refusal(rawQuery string) string {
	s := c.ws(rawQuery)
	defer s.drop()
	return join(s.take(2)...)
}

// nameOf returns the id under which a socket is registered: the src of what it
// sends.
func (c *check) nameOf(rawQuery string) string {
	witness := c.reg("witness")
	defer witness.leave()
	s := c.ws(rawQuery)
	defer s.drop()
	if got := s.next(); got != open {
		return got
	}
	s.send(message("OFFER", "witness", "1"))
	return srcOf(witness.next())
}

// again registers a twice, with one token.
func (c *check) again() (older, newer *socket) {
	older = c.reg("a")
	newer = c.ws(query(Key, "a", "t"))
	newer.id = "a"
	return older, newer
}

// onlyFrames leaves out how a connection ended.
func onlyFrames(got []string) string {
	var frames []string
	for _, text := range got {
		if strings.HasPrefix(text, "{") {
			frames = append(frames, text)
		}
	}
	return list(frames)
}
