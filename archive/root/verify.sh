#!/bin/sh
# Checks bags (RFC 8493) with a POSIX shell and the GNU coreutils alone, and the
# files in folders named "added", each of which has its SHA-256 as its name, and
# in a disc's folder "events", which have the beginning of theirs in their names.
#
#     sh verify.sh             every bag beside and below this file
#     sh verify.sh BAG...      the bags named
#
# One line is printed for each bag or folder. The exit code is 0 when all are whole, 1
# when a file is missing, altered or too many, 2 when nothing of that was seen
# but not everything could be looked at. Nothing is written into a bag.

LC_ALL=C
export LC_ALL
umask 077
nl='
'
tab=$(printf '\t')
cr=$(printf '\r')
worst=0 # 1 and 2 as above

complain() { printf 'verify.sh: %s\n' "$*" >&2; }

case ${1-} in
-h | --help)
    printf 'usage: sh verify.sh [BAG...]\nWithout a bag: every bag beside and below verify.sh.\nExit codes: 0 all whole, 1 something is wrong, 2 could not look at everything.\n'
    exit 0
    ;;
esac
for tool in sort comm uniq tr mktemp rm stat sha512sum; do
    if ! command -v "$tool" >/dev/null 2>&1; then
        complain "there is no $tool here; the GNU coreutils are needed"
        exit 2
    fi
done
tmp=$(mktemp -d) || { complain "no place for temporary files; set TMPDIR"; exit 2; }
trap 'rm -rf "$tmp"' EXIT
trap 'exit 2' HUP INT TERM

# encode NAME: what would break a line, as RFC 8493, 2.1.3 writes it, in $encoded.
encode() {
    encoded='' rest=$1
    while :; do
        case $rest in
        *[%"$nl$cr"]*) ;;
        *) encoded=$encoded$rest; return ;;
        esac
        before=${rest%%[%"$nl$cr"]*}
        rest=${rest#"$before"}
        case $rest in
        %*) encoded=$encoded$before%25 ;;
        "$nl"*) encoded=$encoded$before%0A ;;
        *) encoded=$encoded$before%0D ;;
        esac
        rest=${rest#?}
    done
}

# decode NAME: the other way, in $decoded.
decode() {
    decoded='' rest=$1
    while :; do
        case $rest in
        *%*) ;;
        *) decoded=$decoded$rest; return ;;
        esac
        decoded=$decoded${rest%%\%*}
        rest=${rest#*\%}
        case $rest in
        0[Aa]*) decoded=$decoded$nl rest=${rest#??} ;;
        0[Dd]*) decoded=$decoded$cr rest=${rest#??} ;;
        25*) decoded=$decoded% rest=${rest#??} ;;
        *) decoded=$decoded% ;;
        esac
    done
}

# wrong WHAT NAME, unseen WHAT NAME: what is said of the bag at its end.
wrong() { note "$1" "$2"; bad=$((bad + 1)); }
unseen() { note "$1" "$2"; blind=$((blind + 1)); }
note() {
    said=$((said + 1))
    if [ "$said" -le 20 ]; then
        encode "$2"
        told="$told; $1 $encoded"
    fi
}

# walk FOLDER PREFIX: the encoded names of all files below, hidden ones too.
walk() {
    if [ ! -r "$1" ] || [ ! -x "$1" ]; then
        encode "${2%/}"
        printf '%s\n' "$encoded" >>"$tmp/closed"
    fi
    for found in "$1"/* "$1"/.[!.]* "$1"/..?*; do
        [ -e "$found" ] || [ -h "$found" ] || continue
        if [ -d "$found" ] && [ ! -h "$found" ]; then
            (walk "$found" "$2${found##*/}/")
        else
            encode "$2${found##*/}"
            printf '%s\n' "$encoded"
        fi
    done
}

looks_like_bag() {
    [ -e "$1/bagit.txt" ] || [ -d "$1/data" ] && return 0
    for hint in "$1"/manifest-*.txt "$1"/tagmanifest-*.txt; do
        [ -e "$hint" ] && return 0
    done
    return 1
}

# holds_added FOLDER: whether it is one of files that people added.
holds_added() {
    case ${1##*/} in
    added | *.added) return 0 ;;
    esac
    return 1
}

# is_disc NAME: whether a store may have a disc's folder of that name: 26 letters
# and digits.
is_disc() {
    case $1 in *[!a-z2-7]*) return 1 ;; esac
    [ "${#1}" -eq 26 ]
}

# holds_events FOLDER: whether it is a store's <id>/events.
holds_events() {
    [ "${1##*/}" = events ] || return 1
    above=${1%/*}
    case $above in . | .. | */. | */..) above=$(cd -- "$above" 2>/dev/null && pwd -P) || return 1 ;; esac
    is_disc "${above##*/}"
}

# bag_place PATH: whether a store has a bag there, whatever it looks like:
# <id>/v<n>.
bag_place() {
    [ -d "$1" ] && [ ! -h "$1" ] && { [ ! -r "$1" ] || [ ! -x "$1" ]; } && return 1 # not to be looked at
    case ${1##*/} in
    v0* | v | v*[!0-9]*) return 1 ;;
    v*) ;;
    *) return 1 ;;
    esac
    above=${1%/*}
    is_disc "${above##*/}"
}

# bags FOLDER: the encoded paths of all bags below.
bags() {
    if [ ! -r "$1" ] || [ ! -x "$1" ]; then
        encode "$1"
        printf '%s\n' "$encoded" >>"$tmp/shut"
    fi
    for found in "$1"/*; do
        if bag_place "$found"; then
            encode "$found"
            printf '%s\n' "$encoded"
            continue
        fi
        [ -d "$found" ] && [ ! -h "$found" ] || continue
        if looks_like_bag "$found" || holds_added "$found" || holds_events "$found"; then
            encode "$found"
            printf '%s\n' "$encoded"
        else
            (bags "$found")
        fi
    done
}

# manifest FILE: holds every file that it lists against it, and leaves the
# names in $tmp/FILE.
manifest() {
    kind=payload
    algorithm=${1#manifest-}
    case $1 in tagmanifest-*) kind=tag algorithm=${1#tagmanifest-} ;; esac
    algorithm=${algorithm%.txt}
    case $algorithm in
    md5) digits=32 ;;
    sha1) digits=40 ;;
    sha224) digits=56 ;;
    sha256) digits=64 ;;
    sha384) digits=96 ;;
    sha512) digits=128 ;;
    *) unseen "an algorithm that is not known here:" "$1"; return ;;
    esac
    if ! command -v "${algorithm}sum" >/dev/null 2>&1; then
        unseen "there is no ${algorithm}sum here for" "$1"
        return
    fi
    if [ ! -r "$bag/$1" ]; then
        unseen "cannot be read:" "$1"
        return
    fi
    number=0
    : >"$tmp/$kind.$algorithm"
    while IFS= read -r line || [ -n "$line" ]; do
        number=$((number + 1))
        line=${line%"$cr"}
        digest=${line%%[ "$tab"]*}
        name=${line#"$digest"}
        name=${name#"${name%%[! "$tab"]*}"}
        case $digest in *[A-F]*) digest=$(printf %s "$digest" | tr A-F a-f) ;; esac
        case $digest in *[!0-9a-f]*) digest='' ;; esac
        if [ "${#digest}" -ne "$digits" ] || [ -z "$name" ]; then
            wrong "line $number is not one of a manifest:" "$1"
            continue
        fi
        decode "${name#./}"
        name=$decoded
        case /$name/ in
        *//* | */../* | */./* | /~*) wrong "line $number leads out of the bag:" "$1"; continue ;;
        esac
        case $kind.$name in
        payload.data/*) ;;
        payload.* | tag.data/* | tag.tagmanifest-*) wrong "line $number is of the other kind of manifest:" "$1"; continue ;;
        esac
        encode "$name"
        printf '%s\n' "$encoded" >>"$tmp/$kind.$algorithm"
        if [ ! -e "$bag/$name" ]; then
            [ -n "$(comm -12 "$tmp/missing" - <<END
$encoded
END
            )" ] && continue
            printf '%s\n' "$encoded" >>"$tmp/missing"
            sort -u -o "$tmp/missing" "$tmp/missing"
            wrong missing "$name"
        elif [ ! -f "$bag/$name" ]; then
            wrong "not a file:" "$name"
        elif [ ! -r "$bag/$name" ] || ! got=$("${algorithm}sum" <"$bag/$name" 2>/dev/null); then
            unseen "cannot be read:" "$name"
        elif [ "${got%% *}" != "$digest" ]; then
            wrong "altered ($algorithm):" "$name"
        fi
    done <"$bag/$1"
    sort "$tmp/$kind.$algorithm" | uniq -d >"$tmp/twice"
    while IFS= read -r twice; do
        decode "$twice"
        wrong "listed twice in $1:" "$decoded"
    done <"$tmp/twice"
    sort -u -o "$tmp/$kind.$algorithm" "$tmp/$kind.$algorithm"
}

# unlisted KIND: files of that kind that a manifest leaves out.
unlisted() {
    : >"$tmp/all"
    for listed in "$tmp/$1".*; do
        [ -e "$listed" ] && sort -u -o "$tmp/all" "$tmp/all" "$listed"
    done
    comm -13 "$tmp/all" "$tmp/$1" >"$tmp/extra"
    while IFS= read -r extra; do
        decode "$extra"
        wrong extra "$decoded"
    done <"$tmp/extra"
    [ "$1" = payload ] || return 0
    for listed in "$tmp/$1".*; do
        [ -e "$listed" ] || continue
        comm -23 "$tmp/all" "$listed" >"$tmp/extra"
        while IFS= read -r extra; do
            decode "$extra"
            wrong "not in manifest-${listed##*.}.txt:" "$decoded"
        done <"$tmp/extra"
    done
}

declaration() {
    if [ ! -f "$bag/bagit.txt" ]; then
        wrong missing bagit.txt
        return
    fi
    if [ ! -r "$bag/bagit.txt" ]; then
        unseen "cannot be read:" bagit.txt
        return
    fi
    text=''
    while IFS= read -r line || [ -n "$line" ]; do
        text="$text${line%"$cr"}/"
    done <"$bag/bagit.txt"
    if [ "$text" != "BagIt-Version: 1.0/Tag-File-Character-Encoding: UTF-8/" ]; then
        wrong "not as it has to be:" bagit.txt
    fi
}

# oxum: holds the sum and number of the payload's files against bag-info.txt.
oxum() {
    bytes=0 files=0
    while IFS= read -r name; do
        decode "$name"
        size=$(stat -c %s "$bag/$decoded" 2>/dev/null) || size=0
        bytes=$((bytes + size)) files=$((files + 1))
    done <"$tmp/payload"
    [ -r "$bag/bag-info.txt" ] || return 0
    while IFS= read -r line || [ -n "$line" ]; do
        line=${line%"$cr"}
        case $line in
        Payload-Oxum:*)
            line=${line#Payload-Oxum:}
            line=${line#"${line%%[! "$tab"]*}"}
            [ "$line" = "$bytes.$files" ] || wrong "the payload has $bytes.$files and not the Payload-Oxum of" bag-info.txt
            ;;
        esac
    done <"$bag/bag-info.txt"
}

# check BAG: one line, and what the exit code knows of it.
check() {
    bag=$1 bad=0 blind=0 said=0 told='' manifests=0 sealed=0
    rm -rf "$tmp"/*
    : >"$tmp/closed"
    : >"$tmp/missing"
    if [ -h "$bag" ] && { [ "$any" = 1 ] || [ ! -d "$bag" ]; } || { [ -e "$bag" ] && [ ! -d "$bag" ]; }; then
        wrong "a bag has to be a folder, which is not one:" "${bag##*/}"
    elif [ ! -d "$bag" ]; then
        unseen "there is no such folder:" "$bag"
    else
        walk "$bag" '' >"$tmp/files"
        : >"$tmp/payload"
        : >"$tmp/tag"
        while IFS= read -r name; do
            case $name in
            data/*) printf '%s\n' "$name" >>"$tmp/payload" ;;
            tagmanifest-*.txt) ;;
            *) printf '%s\n' "$name" >>"$tmp/tag" ;;
            esac
        done <"$tmp/files"
        sort -u -o "$tmp/payload" "$tmp/payload"
        sort -u -o "$tmp/tag" "$tmp/tag"
        declaration
        [ -e "$bag/fetch.txt" ] && wrong "parts lie elsewhere:" fetch.txt
        oxum
        for found in "$bag"/manifest-*.txt "$bag"/tagmanifest-*.txt; do
            [ -e "$found" ] || continue
            found=${found##*/}
            case $found in
            tagmanifest-*) sealed=1 ;;
            *) manifests=1 ;;
            esac
            manifest "$found"
        done
        [ "$manifests" = 1 ] || wrong "no manifest says what should be in" data/
        [ "$sealed" = 1 ] || wrong "no tag manifest, so it was never finished, or lost" tagmanifest-sha512.txt
        [ "$sealed" = 0 ] || [ -e "$bag/tagmanifest-sha512.txt" ] || wrong missing tagmanifest-sha512.txt
        if [ "$manifests" = 1 ]; then unlisted payload; fi
        if [ "$sealed" = 1 ]; then unlisted tag; fi
        while IFS= read -r name; do
            decode "$name"
            unseen "cannot be opened:" "${decoded:-.}"
        done <"$tmp/closed"
    fi
    conclude "$(number "$files" file) of $(number "$bytes" byte), and all that is said of them"
}

# added FOLDER: a file's name, up to a dot, is its SHA-256.
added() {
    by_name "$1" added_digest
    conclude "$(number "$files" "added file"), each is what its name says"
}
added_digest() { digest=${1%%.*} digits=64; }

# events FOLDER: a file's name is ten digits, a dash, the first 32 digits of its
# SHA-256, and ".json".
events() {
    by_name "$1" event_digest
    conclude "$(number "$files" event), each is what its name says"
}
event_digest() {
    digest=${1#*-} digits=32
    digest=${digest%.json}
    case $1 in
    [0-9][0-9][0-9][0-9][0-9][0-9][0-9][0-9][0-9][0-9]-"$digest".json) ;;
    *) digest= ;;
    esac
}

# by_name FOLDER HOW: holds its files against the digests that HOW takes from
# their names.
by_name() {
    bag=$1 bad=0 blind=0 said=0 told='' files=0
    if [ ! -r "$1" ] || [ ! -x "$1" ]; then
        unseen "cannot be opened:" .
    elif ! command -v sha256sum >/dev/null 2>&1; then
        unseen "there is no sha256sum here for" .
    else
        for found in "$1"/* "$1"/.[!.]* "$1"/..?*; do
            [ -e "$found" ] || [ -h "$found" ] || continue
            name=${found##*/} files=$((files + 1))
            if [ -h "$found" ] || [ ! -f "$found" ]; then
                wrong "not a file:" "$name"
            elif [ ! -r "$found" ] || ! got=$(sha256sum <"$found" 2>/dev/null); then
                unseen "cannot be read:" "$name"
            else
                "$2" "$name"
                case ${#digest}.$got in
                "$digits.$digest"*) ;;
                *) wrong "not what its name says (sha256):" "$name" ;;
                esac
            fi
        done
    fi
}

# number N NOUN
number() { if [ "$1" = 1 ]; then echo "1 $2"; else echo "$1 $2s"; fi; }

# conclude WHOLE: the line of a bag or folder, which says WHOLE when it is.
conclude() {
    if [ "$said" -gt 20 ]; then told="$told; and $((said - 20)) more"; fi
    encode "$bag"
    if [ "$bad" -gt 0 ]; then
        worst=1
        line="$encoded: WRONG: ${told#; }"
    elif [ "$blind" -gt 0 ]; then
        [ "$worst" = 1 ] || worst=2
        line="$encoded: NOT KNOWN: ${told#; }"
    else
        line="$encoded: whole: $1"
    fi
    # A name may hold what moves a cursor.
    printf '%s\n' "$line" | tr '\001-\011\013-\037\177' '?'
}

# look PATH: as what it is.
look() {
    if [ -d "$1" ] && holds_added "$1" && ! looks_like_bag "$1"; then
        added "$1"
    elif [ -d "$1" ] && holds_events "$1" && ! looks_like_bag "$1"; then
        events "$1"
    else
        check "$1"
    fi
}

any=0 # 1 when the bags that were found are looked at, not those that somebody named
if [ $# -gt 0 ]; then
    for named in "$@"; do
        case $named in
        /* | ./* | ../*) ;;
        *) named=./$named ;;
        esac
        look "${named%/}"
    done
    exit "$worst"
fi

case $0 in
*/*) here=${0%/*} ;;
*) here=. ;;
esac
# The list lies beside the folder that every bag's check empties.
tmp2=$(mktemp) || { complain "no place for temporary files; set TMPDIR"; exit 2; }
trap 'rm -rf "$tmp" "$tmp2"' EXIT
bags "$here" >"$tmp2"
if [ -e "$tmp/shut" ]; then
    worst=2
    while IFS= read -r name; do
        printf '%s: NOT KNOWN: the folder cannot be opened\n' "$name" | tr '\001-\011\013-\037\177' '?'
    done <"$tmp/shut"
fi
while IFS= read -r path <&3; do
    any=1
    decode "$path"
    look "$decoded"
done 3<"$tmp2"
if [ "$any" = 0 ]; then
    complain "there is no bag beside or below $here"
    exit 2
fi
exit "$worst"
