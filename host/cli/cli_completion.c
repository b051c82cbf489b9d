/* SPDX-License-Identifier: Apache-2.0
 * `tenon completion`: the scripts, and the words that they ask for. The scripts know no command;
 * they ask this program, so they never grow old. */
#include "cli/cli_completion.h"

#include "cli/cli_call.h"
#include "cli/cli_functions.h"

#include <string.h>

/* Bash cuts words at '=' and ':' too; what stands before the cut of the last word is taken off the
 * answers again. */
static const char bash_script[] =
    "# bash completion for tenon, made by 'tenon completion bash'.\n"
    "_tenon()\n"
    "{\n"
    "    local line=${COMP_LINE:0:COMP_POINT} words word own cut reply\n"
    "    read -ra words <<<\"$line\"\n"
    "    [[ $line == *[[:blank:]] ]] && words+=(\"\")\n"
    "    word=${words[${#words[@]}-1]} own=${COMP_WORDS[COMP_CWORD]}\n"
    "    own=${own:0:${#word}}\n"
    "    [[ $own == [=:] ]] && own=\n"
    "    cut=${word%\"$own\"}\n"
    "    COMPREPLY=()\n"
    "    while IFS= read -r reply; do\n"
    "        case $reply in\n"
    "        :files) compopt -o filenames; mapfile -t -O ${#COMPREPLY[@]} COMPREPLY "
    "< <(compgen -f -- \"$own\") ;;\n"
    "        :directories) compopt -o filenames; mapfile -t -O ${#COMPREPLY[@]} COMPREPLY "
    "< <(compgen -d -- \"$own\") ;;\n"
    "        :nospace) compopt -o nospace ;;\n"
    "        :*) ;;\n"
    "        *) reply=${reply%%$'\\t'*}; COMPREPLY+=(\"${reply#\"$cut\"}\") ;;\n"
    "        esac\n"
    "    done < <(\"${words[0]}\" completion words -- \"${words[@]:1}\" 2>/dev/null)\n"
    "}\n"
    "complete -F _tenon tenon\n";

static const char zsh_script[] =
    "#compdef tenon\n"
    "# zsh completion for tenon, made by 'tenon completion zsh'.\n"
    "_tenon() {\n"
    "    local -a given found space\n"
    "    local line\n"
    "    given=(\"${(@Q)words[2,CURRENT-1]}\" \"${(Q)PREFIX}\")\n"
    "    for line in \"${(@f)$(\"${(Q)words[1]}\" completion words -- \"${(@)given}\" "
    "2>/dev/null)}\"; do\n"
    "        case $line in\n"
    "        :files) _files ;;\n"
    "        :directories) _files -/ ;;\n"
    "        :nospace) space=(-S '') ;;\n"
    "        :*|'') ;;\n"
    "        *) line=${line//:/\\\\:}; found+=(\"${line/$'\\t'/:}\") ;;\n"
    "        esac\n"
    "    done\n"
    "    (( $#found )) && _describe -t words tenon found \"${space[@]}\"\n"
    "}\n"
    "if [[ $funcstack[1] == _tenon ]]; then\n"
    "    _tenon \"$@\"\n"
    "else\n"
    "    compdef _tenon tenon\n"
    "fi\n";

int cli_completion_script(struct cli *cli)
{
    static const struct {
        const char *shell, *script;
    } scripts[] = {{"bash", bash_script}, {"zsh", zsh_script}};
    const char *shell = cli_argument(cli, 0);

    for (size_t i = 0; i < sizeof(scripts) / sizeof(scripts[0]); i++) {
        _buf_ struct buf out = {0};
        if (strcmp(scripts[i].shell, shell) != 0)
            continue;
        buf_puts(&out, scripts[i].script);
        return cli_print(&out);
    }
    return cli_fail(CLI_USAGE, "there are completions for bash and zsh, not for '%s'", shell);
}

int cli_completion_words(struct cli *cli)
{
    _buf_ struct buf out = {0};

    cli_completion_find(cli, cli->arguments, cli->argument_count, &out);
    return cli_print(&out);
}
