# What a careful person writes to learn, in one go, all that the 60 steps of plan.hcl need to know: each program once.
export LC_ALL=C
cd /srv/bench
files="$(seq -f f%g 20)"
stat -c '%n %F %a %U %G %s' -- . $files d1 d2 d3 d4 d5 l1 l2 l3 l4 l5
sha256sum -- $files
readlink l1 l2 l3 l4 l5
dpkg-query -W -f '${Package} ${Version} ${db:Status-Status} ${db:Status-Want}\n' bash coreutils dash sed grep tar gzip sudo procps iproute2
systemctl show -p Id,LoadState,ActiveState,UnitFileState,NeedDaemonReload,FragmentPath,DropInPaths ssh.service systemd-networkd.service
getent passwd bench1 bench2 bench3 bench4
getent group bench1 bench2 bench3 bench4 benchg1 benchg2 benchg3 benchg4
id -nG bench1; id -nG bench2; id -nG bench3; id -nG bench4
cat /etc/hosts /etc/ssh/sshd_config
