# bash completion of dirtywalk; keys, kinds and names come from the program itself.
_dirtywalk() {
    local word=${COMP_WORDS[COMP_CWORD]} before=${COMP_WORDS[COMP_CWORD - 1]} command=${COMP_WORDS[1]} options
    COMPREPLY=()
    if [ "$COMP_CWORD" -eq 1 ]; then
        mapfile -t COMPREPLY < <(compgen -W "run check report show tables list trace --help --version" -- "$word")
        return
    fi
    if [ "$command" = trace ] && [ "$COMP_CWORD" -eq 2 ]; then
        mapfile -t COMPREPLY < <(compgen -W "info convert cut merge gen check" -- "$word")
        return
    fi
    case $before in
    -s | --set)
        compopt -o nospace
        mapfile -t COMPREPLY < <(compgen -S = -W "$(dirtywalk list keys --json | sed -n 's/.*"name": "\(.*\)",/\1/p')" -- "$word")
        return
        ;;
    --from)
        mapfile -t COMPREPLY < <(compgen -W "$(dirtywalk list formats --json | sed -n 's/.*"name": "\(.*\)",/\1/p')" -- "$word")
        return
        ;;
    -b | --by | -c | --columns)
        local kind=columns listed='' more=''
        case $before in -b | --by) kind=keys more=trace ;; esac
        case $word in *,*) listed=${word%,*}, ;; esac # names between commas: the last one is to be completed
        compopt -o nospace
        mapfile -t COMPREPLY < <(compgen -P "$listed" -W "$more $(dirtywalk list $kind --json | sed -n 's/.*"name": "\(.*\)",/\1/p')" -- "${word##*,}")
        return
        ;;
    --progress)
        mapfile -t COMPREPLY < <(compgen -W "auto plain json never" -- "$word")
        return
        ;;
    esac
    case $word in
    -*)
        [ "$command" = trace ] && command="trace ${COMP_WORDS[2]}"
        # shellcheck disable=SC2086 # two words for trace
        options=$(dirtywalk $command --help 2>/dev/null | grep -o -e '--[a-z-]*' | sort -u)
        mapfile -t COMPREPLY < <(compgen -W "$options" -- "$word")
        ;;
    *)
        if [ "$command" = list ]; then
            mapfile -t COMPREPLY < <(compgen -W "$(dirtywalk list --json | sed -n 's/.*"kind": "\(.*\)",/\1/p' | sort -u)" -- "$word")
        else
            compopt -o filenames
            mapfile -t COMPREPLY < <(compgen -f -- "$word")
        fi
        ;;
    esac
}
complete -F _dirtywalk dirtywalk
