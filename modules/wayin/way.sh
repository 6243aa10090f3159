# Prints on what the login stands that this shell descends from; nothing where there is no such login.
#
#	user NAME          who logged in, before sudo
#	passwd ENTRY       that user's entry of passwd(5)
#	groups NAME...     its groups
#	socket             systemd listens for sshd (ssh.socket)
#	keys PATTERN...    AuthorizedKeysFile of sshd_config(5)
#
# ancestors is observe's. Needs getent, id, systemctl, sshd.
: "${ancestors?}"

environs=
eval "$ancestors"
for environ in $environs; do
	said=$(tr '\0' '\n' 2>/dev/null <"$environ" | grep '^\(SSH_CONNECTION\|USER\)=') || true
	case $said in *SSH_CONNECTION=*) ;; *) continue ;; esac
	user=${said##*USER=}
	user=${user%%[!A-Za-z0-9._-]*}
	printf 'user %s\n' "$user"
	printf 'passwd %s\n' "$(getent passwd -- "$user" | head -n 1)"
	printf 'groups %s\n' "$(id -Gn -- "$user" 2>/dev/null)"
	if systemctl --quiet is-active ssh.socket 2>/dev/null; then echo socket; fi
	PATH=$PATH:/usr/sbin sshd -T 2>/dev/null | sed -n 's/^authorizedkeysfile /keys /p'
	break
done
