package main

import (
	"fmt"
	"slices"
	"strings"

	"github.com/urfave/cli/v2"
)

// exampleStarts begin the lines of a description that are to be typed.
var exampleStarts = []string{"liberdus", "curl", "source"}

// showExamples moves the examples of a command from its description to the end
// of its help, where they are seen first.
func showExamples(c *cli.Command) {
	text, examples := splitExamples(c.Description)
	if len(examples) == 0 || len(c.Subcommands) > 0 {
		return
	}
	c.Description = text
	var b strings.Builder
	b.WriteString(cli.CommandHelpTemplate + "\nEXAMPLES:\n")
	for _, line := range examples {
		fmt.Fprintf(&b, "   {{%q}}\n", line) // as it is: it is no template
	}
	c.CustomHelpTemplate = b.String()
}

// splitExamples takes the paragraphs out of a description that are commands, one
// a line.
func splitExamples(description string) (text string, examples []string) {
	var rest []string
	for paragraph := range strings.SplitSeq(description, "\n\n") {
		lines := strings.Split(paragraph, "\n")
		if slices.ContainsFunc(lines, func(line string) bool {
			first, _, _ := strings.Cut(line, " ")
			return !slices.Contains(exampleStarts, first)
		}) {
			rest = append(rest, paragraph)
			continue
		}
		examples = append(examples, lines...)
	}
	return strings.Join(rest, "\n\n"), examples
}
