# What the script above takes from the package bash-completion, which may not be there, or come later.

# Sets cur, prev, words and cword. bash itself breaks words at = and : as well.
__rcprov_words()
{
    if declare -F _get_comp_words_by_ref >/dev/null 2>&1; then
        _get_comp_words_by_ref "$@"
        return
    fi
    local line=${COMP_LINE:0:COMP_POINT}
    read -ra words <<<"$line"
    if [[ $line == *[[:space:]] ]]; then
        words+=("")
    fi
    cword=$((${#words[@]} - 1))
    cur=${words[cword]}
    prev=
    if ((cword > 0)); then
        prev=${words[cword - 1]}
    fi
}

# Fills COMPREPLY with directories, and with files that have one of the extensions in $1 ("hcl|json|"); -d: directories only.
__rcprov_files()
{
    if declare -F _filedir >/dev/null 2>&1; then
        _filedir "$@"
        return
    fi
    local path
    COMPREPLY=()
    while IFS= read -r path; do
        if [[ -d $path ]]; then
            COMPREPLY+=("$path/")
        elif [[ ${1-} != -d && "|${1-}" == *"|${path##*.}|"* || -z ${1-} ]]; then
            COMPREPLY+=("$path")
        fi
    done < <(compgen -f -- "$cur")
    if [[ $(type -t compopt) == builtin ]]; then
        compopt -o filenames -o nospace 2>/dev/null
    fi
}
