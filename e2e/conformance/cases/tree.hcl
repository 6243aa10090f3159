case "of a user, and of root" {
  setup  = "useradd -m alice"
  laptop = <<-EOT
    mkdir -p "site/a b/c" site/css site/skipped
    echo hi >site/index.html
    echo "it's" >"site/a b/c/it's \$x"
    printf '#!/bin/sh\necho ran\n' >site/run
    chmod +x site/run
    ln -s index.html site/link
    echo back >'site/b\s'
    echo no >site/skipped/f
    seq 1 100000 >site/css/large
  EOT
  plan   = <<-EOT
    tree "site" {
      source  = "site"
      path    = "/srv/its/site"
      owner   = "alice"
      group   = "alice"
      exclude = ["skipped", "*.log"]
      delete  = true
    }
    tree "rooted" {
      source         = "site"
      path           = "/srv/rooted"
      group          = "adm"
      mode           = "0640"
      directory_mode = "0750"
      exclude        = ["/css/large"]
    }
  EOT
  check  = <<-EOT
    cd /srv/its/site && [ "$(cat index.html link "a b/c/it's \$x" 'b\s'; ./run; wc -l <css/large)" = "$(printf "hi\nhi\nit's\nback\nran\n100000")" ] &&
    [ "$(stat -c '%a %U:%G' run index.html css .)" = "$(printf '755 alice:alice\n644 alice:alice\n755 alice:alice\n755 alice:alice')" ] && [ ! -e skipped/f ] &&
    [ "$(stat -c '%a %U:%G' /srv/rooted/skipped/f /srv/rooted/css)" = "$(printf '640 root:adm\n750 root:adm')" ] && [ ! -e /srv/rooted/css/large ] &&
    [ "$(find . -name .tree.rcprov -o -name extra)" = "" ]
  EOT
  drift "removed" { run = "rm -r /srv/its /srv/rooted/css" }
  drift "contents, modes, owners, a link, what is missing and what is not wanted" {
    run = "cd /srv/its/site && echo no >index.html && rm run && chmod 600 'b\\s' && ln -sfn elsewhere link && chown root 'a b/c' && install -d -o alice extra css/extra && touch extra/f && chown root css/large && cd /srv/rooted && chmod 777 'a b' && chown alice index.html && rm -r skipped"
  }
  drift "a killed run" { run = "cd /srv/its/site && su alice -c 'mkdir -p .tree.rcprov/tree && touch .tree.rcprov/tree/f'" }
}
