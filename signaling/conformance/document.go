package conformance

import (
	"fmt"
	"strings"
)

// Differences returns the statements in which the archiver's program differs
// from the reference, as a table in Markdown.
func Differences() string {
	var b strings.Builder
	b.WriteString("| | asked | `liberdus archiver` | npm `peer` 1.0.2 | why |\n|---|---|---|---|---|\n")
	for _, s := range Statements() {
		if ours, theirs := s.ours(), s.theirs(); ours != theirs {
			row(&b, fmt.Sprint(s.Number), text(s.Asked), code(ours), code(theirs), text(s.Why))
		}
	}
	return b.String()
}

// Document returns docs/peerjs-compatibility.md.
func Document() string {
	var b strings.Builder
	b.WriteString(`<!-- Generated from signaling/conformance: go test ./signaling/conformance -update -->
# PeerJS compatibility

The signalling server is tested against 76 statements of what a PeerJS server does. The same statements are asked of npm ` +
		"`peer`" + ` 1.0.2, the
reference, in the same run: a statement that describes it wrongly fails as well. Both programs are started with the same options, those
of the ` + "`peerjs`" + ` command, with key ` + "`peerjs`" + ` and path ` + "`/`" + ` unless the statement says otherwise.

    go test ./signaling -run Conformance    # the server, over TCP and on an exact clock
    go test ./e2e -run Conformance          # liberdus archiver and peerjs, side by side

In the results, the parts between dots are what came one after the other, or at one place and at another, in the order of the question.

## Where they differ

`)
	b.WriteString(Differences())
	b.WriteString("\n## Where they are the same\n\n| | asked | answered |\n|---|---|---|\n")
	for _, s := range Statements() {
		if s.ours() == s.theirs() {
			row(&b, fmt.Sprint(s.Number), text(s.Asked), code(s.ours()))
		}
	}
	return b.String()
}

// ours is what the archiver's program does, or the library where the program
// cannot be asked.
func (s Statement) ours() string {
	if got, ok := s.Expected(Archiver); ok {
		return got
	}
	return s.Want
}

func (s Statement) theirs() string {
	got, _ := s.Expected(Reference)
	return got
}

func row(b *strings.Builder, cells ...string) {
	fmt.Fprintf(b, "| %s |\n", strings.Join(cells, " | "))
}

// text is a cell of words, which may look like Markdown.
func text(s string) string {
	return strings.NewReplacer("_", `\_`, "*", `\*`, "[", `\[`, "|", `\|`, "<", "&lt;").Replace(s)
}

// code is a cell of results.
func code(s string) string {
	return "`" + strings.ReplaceAll(strings.ReplaceAll(s, "|", `\|`), " · ", "` · `") + "`"
}
