package conformance

import (
	"fmt"
	"slices"
	"sync"
)

// A Statement is one thing that a PeerJS server does.
type Statement struct {
	Number int
	Asked  string
	Options
	Want string // what a server of this project does

	// Where others differ, else empty.
	Archiver  string // what the archiver's program does
	Reference string // what npm peer does
	Why       string // the reason for the difference

	launches bool // needs Side.Launch
	observe  func(*check) string
}

// Statements returns all of them, in order.
func Statements() []Statement {
	return slices.Concat(httpStatements(), admissionStatements(), routingStatements(),
		queueStatements(), livenessStatements(), processStatements())
}

// Expected returns what a server of that kind does. It is false if the
// statement cannot be asked of it: a program has no option for a function, a
// library no arguments.
func (s Statement) Expected(k Kind) (want string, ok bool) {
	switch {
	case k == Library && s.launches, k == Archiver && s.GenerateConstant != "":
		return "", false
	case k == Archiver && s.Archiver != "":
		return s.Archiver, true
	case k == Reference && s.Reference != "":
		return s.Reference, true
	}
	return s.Want, true
}

// Name is the number and what is asked, fit for the name of a test.
func (s Statement) Name() string { return fmt.Sprintf("%02d %s", s.Number, s.Asked) }

// Observe starts a server, asks it and returns what it did. An error means
// that it could not be asked.
func (s Statement) Observe(side Side) (seen string, err error) {
	c := &check{side: side}
	defer c.close()
	defer func() {
		if p := recover(); p != nil {
			f, ok := p.(failure)
			if !ok {
				panic(p)
			}
			err = f.err
		}
	}()
	if !s.launches {
		c.start(s.Options)
	}
	return s.observe(c), nil
}

// A Seen is what was observed for a statement.
type Seen struct {
	Statement
	Got string
	Err error
}

// ObserveAll observes what can be asked of side, some at a time: they mostly
// wait. The result is in the order of the statements.
func ObserveAll(side Side, atOnce int) []Seen {
	all := slices.DeleteFunc(Statements(), func(s Statement) bool { _, ok := s.Expected(side.Kind); return !ok })
	seen := make([]Seen, len(all))
	slots := make(chan struct{}, atOnce)
	var wg sync.WaitGroup
	for i, s := range all {
		slots <- struct{}{}
		wg.Go(func() {
			defer func() { <-slots }()
			seen[i].Statement = s
			seen[i].Got, seen[i].Err = s.Observe(side)
		})
	}
	wg.Wait()
	return seen
}
