# any_held is whether a package is on hold, in a tenth of the time of apt-mark, which builds apt's whole cache. Without
# the pattern, dpkg-query leaves out what is on hold and not installed.
any_held() { dpkg-query -W -f='${db:Status-Want}\n' '*' | grep -qx hold; }
