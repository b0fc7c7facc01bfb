package main

import (
	"fmt"
	"os"

	"github.com/urfave/cli/v2"
)

// completeFlag is what the scripts below put after a line that is being typed:
// urfave/cli answers with the words that may follow.
const completeFlag = "--generate-bash-completion"

const bashScript = `_liberdus() {
  local cur=${COMP_WORDS[COMP_CWORD]} line=("${COMP_WORDS[@]:0:COMP_CWORD}")
  [[ $cur == -* ]] && line+=("$cur")
  COMPREPLY=($(compgen -W "$(SHELL=bash "${line[@]}" ` + completeFlag + ` 2>/dev/null)" -- "$cur"))
}
complete -o default -F _liberdus liberdus
`

const zshScript = `#compdef liberdus
_liberdus() {
  local cur=${words[CURRENT]}
  local -a line=("${(@)words[1,CURRENT-1]}")
  [[ $cur == -* ]] && line+=("$cur")
  local -a found=("${(@f)$(SHELL=bash "${line[@]}" ` + completeFlag + ` 2>/dev/null)}")
  if [[ -n ${found[1]} ]]; then compadd -- "${found[@]}"; else _files; fi
}
compdef _liberdus liberdus
`

func completionCommand() *cli.Command {
	return &cli.Command{
		Name:      "completion",
		Usage:     "print a script that completes what you type",
		ArgsUsage: "bash | zsh | fish",
		Description: "source <(liberdus completion bash)          # in ~/.bashrc\n" +
			"source <(liberdus completion zsh)           # in ~/.zshrc, after compinit\n" +
			"liberdus completion fish > ~/.config/fish/completions/liberdus.fish",
		Action: func(c *cli.Context) error {
			if c.NArg() != 1 {
				return usagef("usage: %s bash | zsh | fish", c.Command.HelpName)
			}
			script := ""
			switch shell := c.Args().First(); shell {
			case "bash":
				script = bashScript
			case "zsh":
				script = zshScript
			case "fish":
				var err error
				if script, err = app().ToFishCompletion(); err != nil {
					return fmt.Errorf("completion for fish: %w", err)
				}
			default:
				return usagef("%q is not a shell that is known here: bash, zsh or fish", shell)
			}
			_, err := fmt.Fprint(os.Stdout, script)
			return err
		},
	}
}
