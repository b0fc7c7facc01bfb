package conformance

import (
	"slices"
	"time"
)

func queueStatements() []Statement {
	fast := Options{ExpireTimeout: 300 * time.Millisecond, CleanupInterval: 100 * time.Millisecond}
	public := Options{AllowDiscovery: true}
	// flushed sends all types to an absent b, which then comes, and once again.
	flushed := func(stays bool) func(*check) string {
		return func(c *check) string {
			a := c.reg("a")
			for _, typ := range []string{"OFFER", "CANDIDATE", "LEAVE", "EXPIRE", "ANSWER"} {
				a.send(message(typ, "b", `"`+typ+`"`))
			}
			a.heard()
			if !stays {
				a.leave()
			}
			b := c.ws(query(Key, "b", "t"))
			b.id = "b"
			got := join(join(b.take(4)...), b.heard())
			b.leave()
			c.awaitPeers(map[bool]string{true: `["a"]`, false: `[]`}[stays])
			b = c.ws(query(Key, "b", "t"))
			b.id = "b"
			return join(got, b.heard())
		}
	}
	waiting := join(open, delivered("OFFER", "a", "b", `"OFFER"`), delivered("CANDIDATE", "a", "b", `"CANDIDATE"`), delivered("ANSWER", "a", "b", `"ANSWER"`), nothing, open)
	return []Statement{
		{Number: 56, Asked: "OFFER, CANDIDATE, LEAVE, EXPIRE, ANSWER to b, who then comes, goes and comes again", Options: public, Want: waiting, observe: flushed(true)},
		{Number: 57, Asked: "the same, and the sender has gone", Options: public, Want: waiting, observe: flushed(false)},
		{
			Number: 58, Asked: "OFFER to b, who never comes", Want: expire("b", "a") + " · after 5s to 6.1s · nothing",
			observe: func(c *check) string {
				a := c.reg("a")
				got, took := a.expiryOf("b")
				return join(got, c.during(took, 5*time.Second, 6100*time.Millisecond), list(a.collect(moment)))
			},
		},
		{
			Number: 59, Asked: "OFFER and two CANDIDATEs to b, a CANDIDATE to c", Options: fast, Want: join(expire("b", "a"), expire("c", "a")),
			observe: func(c *check) string {
				a := c.reg("a")
				a.send(message("OFFER", "b", "1"), message("CANDIDATE", "b", "2"), message("CANDIDATE", "b", "3"), message("CANDIDATE", "c", "4"))
				got := append(a.take(2), a.collect(moment)...)
				slices.Sort(got) // the two may come in any order
				return list(got)
			},
		},
		{
			Number: 60, Asked: "two senders to b, who never comes", Options: fast, Want: join(expire("b", "a1"), expire("b", "a2")),
			observe: func(c *check) string {
				a1, a2 := c.reg("a1"), c.reg("a2")
				a1.send(message("OFFER", "b", "1"))
				a2.send(message("OFFER", "b", "2"))
				return join(append(a1.take(1), a2.take(1)...)...)
			},
		},
		{
			Number: 61, Asked: "b comes after the EXPIRE", Options: fast, Want: expire("b", "a") + " · " + open,
			observe: func(c *check) string {
				got, _ := c.reg("a").expiryOf("b")
				b := c.ws(query(Key, "b", "t"))
				b.id = "b"
				return join(got, b.heard())
			},
		},
		{
			Number: 62, Asked: "expire_timeout 1500, with a second message after 1 s; 200 with cleanup_out_msgs 100", Options: Options{ExpireTimeout: 1500 * time.Millisecond},
			Want: "after 1.5s to 2.6s · after 200ms to 400ms",
			observe: func(c *check) string {
				a, start := c.reg("a"), time.Now()
				a.send(message("OFFER", "b", "1"))
				<-time.After(time.Second)
				a.send(message("CANDIDATE", "b", "2")) // does not put it off
				a.next()
				slow := time.Since(start)
				c.start(Options{ExpireTimeout: 200 * time.Millisecond, CleanupInterval: 100 * time.Millisecond})
				_, quick := c.reg("a").expiryOf("b")
				return join(c.during(slow, 1500*time.Millisecond, 2600*time.Millisecond), c.during(quick, 200*time.Millisecond, 400*time.Millisecond))
			},
		},
		{
			Number: 63, Asked: "a_b to c and a to b_c expire together", Options: Options{ExpireTimeout: 300 * time.Millisecond},
			Want: expire("c", "a_b") + " · " + expire("b_c", "a"), Reference: expire("c", "a_b") + " · nothing",
			Why: "the reference takes the two pairs for one",
			observe: func(c *check) string {
				ab, a := c.reg("a_b"), c.reg("a")
				ab.send(message("OFFER", "c", "1"))
				ab.heard() // so that this one is the first
				a.send(message("OFFER", "b_c", "2"))
				return join(ab.next(), a.nextWithin(c.due()))
			},
		},
		{
			Number: 64, Asked: "OFFER with dst 5, a number", Options: fast, Want: nothing, Reference: `{"type":"EXPIRE","src":5,"dst":"a"}`,
			Why: "no id is a number: nobody could ever come",
			observe: func(c *check) string {
				a := c.reg("a")
				a.send(`{"type":"OFFER","dst":5,"payload":1}`)
				return list(a.collect(moment))
			},
		},
		{
			Number: 65, Asked: "the sender has gone when its message expires, and comes back", Options: fast, Want: open + " · nothing",
			observe: func(c *check) string {
				a, other := c.reg("a"), c.reg("other")
				a.send(message("OFFER", "b", "1"))
				a.heard()
				a.leave()
				// What other sent later has expired when this comes, so a's has too.
				other.expiryOf("c")
				back := c.ws(query(Key, "a", "t"))
				back.id = "a"
				return join(back.next(), back.heard())
			},
		},
	}
}

// expiryOf sends an OFFER to dst and returns what comes back, and when.
func (s *socket) expiryOf(dst string) (got string, took time.Duration) {
	start := time.Now()
	s.send(message("OFFER", dst, "1"))
	return s.next(), time.Since(start)
}
