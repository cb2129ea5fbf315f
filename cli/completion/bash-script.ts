/**
 * The completion script for bash. Our own, and not the library's, because that one needs the package bash-completion,
 * can be sourced only once, splits "home@2026-11-23" at the "@", and passes what was typed so far to `eval`: pressing
 * TAB must not run what stands in a half-written command. It speaks the library's protocol: a candidate a line with a
 * tab before its description, then ":" and a number of flags.
 */
export const bashScript = `# bash completion for luksmith                               -*- shell-script -*-

_luksmith() {
    # bash splits the line at "@", "=" and ":" as well; parts with no blank between them are one word again here
    local rest=\${COMP_LINE:0:COMP_POINT} words=() part stripped i
    for ((i = 0; i <= COMP_CWORD; i++)); do
        stripped=\${rest#"\${rest%%[![:space:]]*}"}
        if ((i == 0)) || [[ $stripped != "$rest" ]]; then
            words+=("")
        fi
        rest=$stripped
        part=$rest
        if ((i < COMP_CWORD)); then
            part=\${COMP_WORDS[i]}
        fi
        words[\${#words[@]} - 1]+=$part
        rest=\${rest#"$part"}
    done
    local word=\${words[\${#words[@]} - 1]} option=""

    local -a found
    mapfile -t found < <(luksmith complete -- "\${words[@]:1}" 2>/dev/null)
    ((\${#found[@]} > 0)) || return 0
    local flags=\${found[\${#found[@]} - 1]#:}
    unset "found[\${#found[@]} - 1]"

    # bash leaves this much of the word as it is; the "@" before a part belongs to the part, "=" and ":" do not
    local keep=\${word%"$part"} value=$word line
    if [[ $part == [=:] ]]; then
        keep=$word
    fi
    keep=\${keep%@}
    if [[ $word == -*=* ]]; then
        option=\${word%%=*}=
        value=\${word#*=}
    fi

    case $flags in
        16) mapfile -t found < <(compgen -d -- "$value") ;;
        0) mapfile -t found < <(compgen -f -- "$value") ;;
    esac
    if [[ $flags == 16 || $flags == 0 ]]; then
        compopt -o filenames 2>/dev/null
    fi
    COMPREPLY=()
    for line in "\${found[@]}"; do
        line=\${line%%$'\\t'*}
        if [[ $line == "$value"* ]]; then
            line=$option$line
            COMPREPLY+=("\${line#"$keep"}")
        fi
    done
}

complete -F _luksmith luksmith
`;
