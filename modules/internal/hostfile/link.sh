# Puts a symbolic link in place. Prints nothing. It comes behind door.sh.
: "${path?}" "${target?}" "${linker?}"

export target
door "$path" no "$linker"
