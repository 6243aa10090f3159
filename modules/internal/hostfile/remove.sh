# Removes what is at path, by the command how: `rm -f`, `rmdir`, or `rm -rf`, which goes down by open directories and follows
# no link (fts(3)). A file is copied to backup before, unless that is empty. Prints nothing. It comes behind door.sh.
: "${path?}" "${how?}" "${backup?}" "${remover?}"

door_enter "$path" no
export how backup
if [ -n "$backup" ] && [ -n "$door_x" ]; then door_backup "$backup"; fi
plain=plain
if [ -n "$backup" ]; then plain=; fi
door_open no "$remover" $plain
