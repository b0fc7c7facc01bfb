package e2e

import (
	"context"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
)

// What bash offers for a line that is being typed, with the script that the program prints.
func TestCompletion(t *testing.T) {
	t.Parallel()
	s := newSite(t)
	bash, err := exec.LookPath("bash")
	if err != nil {
		t.Fatal(err)
	}
	for _, tt := range []struct {
		line string   // its last word is being typed
		want []string // among what is offered
		not  string
	}{
		{"liberdus cl", []string{"client"}, "archiver"},
		{"liberdus client ", []string{"account", "inject", "nodes", "tx", "watch"}, "archiver"},
		{"liberdus client acc", []string{"account"}, "inject"},
		{"liberdus client account --quo", []string{"--quorum"}, "--peer"},
		{"liberdus client tx up", []string{"update_toll_required"}, "transfer"},
	} {
		t.Run(tt.line, func(t *testing.T) {
			script := `source <(liberdus completion bash); IFS=" "; line="$LINE"; COMP_WORDS=($line)
				[[ $line == *" " ]] && COMP_WORDS+=(""); COMP_CWORD=$((${#COMP_WORDS[@]}-1)); unset IFS
				_liberdus; echo "${COMPREPLY[@]}"`
			cmd := s.command(context.Background(), bash, "-c", script)
			cmd.Env = append(cmd.Env, "LINE="+tt.line, "PATH="+filepath.Dir(tools.liberdus)+":"+os.Getenv("PATH"))
			out, err := cmd.Output()
			if err != nil {
				t.Fatal(err)
			}
			offered := " " + strings.Join(strings.Fields(string(out)), " ") + " "
			for _, word := range tt.want {
				if !strings.Contains(offered, " "+word+" ") {
					t.Errorf("offered is %q, want %s", offered, word)
				}
			}
			if strings.Contains(offered, " "+tt.not+" ") {
				t.Errorf("offered is %q, which has %s", offered, tt.not)
			}
		})
	}
	for _, shell := range []string{"zsh", "fish"} {
		if r := s.run("completion", shell).exits(0); !strings.Contains(r.stdout, "liberdus") {
			r.fatalf("want a script")
		}
	}
	demands{2, "", []string{"csh"}}.check(s.run("completion", "csh"))
}
