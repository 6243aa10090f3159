# A flat repository on the host itself, whose index was signed on 2024-01-01 with a throw-away key that never expires
# (its private half was not kept); the package in it can only be looked at.

case "signed" {
  setup = <<-EOT
    mkdir -p /srv/repo
    cat >/srv/repo/Packages <<'END'
    Package: rcprov-fixture
    Version: 1.0
    Architecture: all
    Maintainer: rcprov <nobody@example.com>
    Filename: ./rcprov-fixture.deb
    Size: 0
    SHA256: e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855
    Description: a package that can only be looked at
    END
    cat >/srv/repo/InRelease <<'END'
    -----BEGIN PGP SIGNED MESSAGE-----
    Hash: SHA256
    
    Origin: rcprov fixture
    Label: rcprov fixture
    Suite: fixture
    Date: Mon, 01 Jan 2024 00:00:00 UTC
    SHA256:
     e706beb09a2ed28a6823699fe555e91290c2238c1b51552d98382d499d4fef82 257 Packages
    
    -----BEGIN PGP SIGNATURE-----
    
    wqsEARYIAF0FgmWSDpAJELIrZz3NV6LRNRQAAAAAABwAEHNhbHRAbm90YXRpb25z
    Lm9wZW5wZ3Bqcy5vcmeHzSm1v50eJmCjtLqwixhSFiEEDDgWgeF3DpEOx2oesitn
    Pc1XotEAACulAP9oxWeCma9i/glHpDRBgZjdFFWg2MiMQ+ZxJw6VBRIViwEAwGEm
    HCkevSicFuaZDezsEMoVVj++7U1FNSkYQrPGNg4=
    -----END PGP SIGNATURE-----
    END
  EOT
  plan  = <<-EOT
    apt_repository "fixture" {
      uris         = ["file:///srv/repo"]
      suites       = ["./"]
      fingerprints = ["0C38 1681 E177 0E91 0EC7  6A1E B22B 673D CD57 A2D1"]
      key          = <<-KEY
      -----BEGIN PGP PUBLIC KEY BLOCK-----
      
      xjMEZZIAgBYJKwYBBAHaRw8BAQdAyHobqZOs0RyymesIeaIwJ8NWvBRAI4eiKgZh
      O/hvOCPNEHJjcHJvdiBmaXh0dXJlIGHCvQQTFggAbwWCZZIAgAILBwkQsitnPc1X
      otE1FAAAAAAAHAAQc2FsdEBub3RhdGlvbnMub3BlbnBncGpzLm9yZ0jFPn8fQMZH
      8x2HKxSG8e4CFQgCFgACGQECmwMCHgEWIQQMOBaB4XcOkQ7Hah6yK2c9zVei0QAA
      Z9YBAPqTyEGkYybaAqABIxvdn+KXqcUV2p+96vqfVVys4vMQAQDM2b9LteEUKs2F
      Ej9HaJ9vtdSxfHoMYV2MOL0fRahoBg==
      =gbJ2
      -----END PGP PUBLIC KEY BLOCK-----
      KEY
    }
  EOT
  check = <<-EOT
    apt-cache policy rcprov-fixture | grep -q 'Candidate: 1.0' &&
    apt-get -q update --error-on=any -o APT::Get::List-Cleanup=0 -o Dir::Etc::sourceparts=- \
      -o Dir::Etc::sourcelist=/etc/apt/sources.list.d/rcprov-fixture.sources
  EOT
  drift "source edited" { run = "echo 'Enabled: no' >>/etc/apt/sources.list.d/rcprov-fixture.sources" }
  drift "source removed" { run = "rm /etc/apt/sources.list.d/rcprov-fixture.sources" }
  drift "key exchanged" {
    run = <<-EOT
      cat >/etc/apt/keyrings/rcprov-fixture.asc <<'END'
      -----BEGIN PGP PUBLIC KEY BLOCK-----
      
      xjMEZZIAgBYJKwYBBAHaRw8BAQdAci6ihJWV6cmH1SlORON/DFpjTZ7I9wX7u6Ji
      TvuR7QLNFHJjcHJvdiBmaXh0dXJlIG90aGVywr0EExYIAG8FgmWSAIACCwcJELcL
      iDqn9h9ENRQAAAAAABwAEHNhbHRAbm90YXRpb25zLm9wZW5wZ3Bqcy5vcmeyAj8K
      5Wf4bo1mAECW8LdkAhUIAhYAAhkBApsDAh4BFiEE0MpVVICAYbhHoKTdtwuIOqf2
      H0QAAOS0AP9u9gKtRN6RV11PS+2C1fxE72ssDAZnv2cfVDoXvUfJYgD9HqRTT+A2
      p9Z5yW9CAZrBSqh154aYZ/Vwn6NTlHicSgc=
      =lCgc
      -----END PGP PUBLIC KEY BLOCK-----
      END
    EOT
  }
  drift "key unreadable for apt" { run = "chmod 0600 /etc/apt/keyrings/rcprov-fixture.asc" }
  drift "key removed" { run = "rm /etc/apt/keyrings/rcprov-fixture.asc" }
}

case "absent" {
  setup = "touch /etc/apt/keyrings/rcprov-old.asc && printf 'Types: deb\nURIs: file:///srv/gone\nSuites: ./\nSigned-By: /etc/apt/keyrings/rcprov-old.asc\n' >/etc/apt/sources.list.d/rcprov-old.sources"
  plan  = <<-EOT
    apt_repository "old" {
      state = "absent"
    }
  EOT
  check = "! ls /etc/apt/sources.list.d/rcprov-old.sources /etc/apt/keyrings/rcprov-old.asc 2>/dev/null"
  drift "source back" { run = "touch /etc/apt/sources.list.d/rcprov-old.sources" }
}
