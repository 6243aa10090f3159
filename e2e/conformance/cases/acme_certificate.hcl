# acme_certificate: what needs no CA. Self-signed keys are random, so that laws that compare hosts can't hold for them, and
# those of an ACME CA need one; the module's tests have both.

# The key is nobody's: made for this file alone.
case "own files" {
  plan  = <<-EOT
    acme_certificate "own" {
      source          = "files"
      names           = ["own.example.com"]
      certificate_pem = <<-PEM
        -----BEGIN CERTIFICATE-----
        MIIBqDCCAU2gAwIBAgIUFa8pkxKpIJZ3raFN7/8KijFQwiYwCgYIKoZIzj0EAwIw
        GjEYMBYGA1UEAwwPb3duLmV4YW1wbGUuY29tMCAXDTI2MTEyMTEzNDEzOFoYDzIx
        MjYxMDI4MTM0MTM4WjAaMRgwFgYDVQQDDA9vd24uZXhhbXBsZS5jb20wWTATBgcq
        hkjOPQIBBggqhkjOPQMBBwNCAATq0LPHiZJhLPxILjZtHqRVY2dqcLO8Wdy+8G1O
        2zW24n2ZLwSm+udh7k1bTvpi6G44FMhjLto5UmTZEyPVjnEIo28wbTAdBgNVHQ4E
        FgQUsh6rdJV12122FsJXCr5rVZ+n1YkwHwYDVR0jBBgwFoAUsh6rdJV12122FsJX
        Cr5rVZ+n1YkwDwYDVR0TAQH/BAUwAwEB/zAaBgNVHREEEzARgg9vd24uZXhhbXBs
        ZS5jb20wCgYIKoZIzj0EAwIDSQAwRgIhAPhfcuBOHaJqonoOSR0gqHoLExXtca3V
        IgBQRpyGJIeTAiEA3Oh14XE2nIVCaz9wj7LEluxFrVgOdQ8+stFirCKPOH4=
        -----END CERTIFICATE-----
      PEM
      key_pem         = <<-PEM
        -----BEGIN PRIVATE KEY-----
        MIGHAgEAMBMGByqGSM49AgEGCCqGSM49AwEHBG0wawIBAQQg9KfuXmW7QAzSTJ4e
        nyjI7RgoLiLV2zESzpz6PnDkxwmhRANCAATq0LPHiZJhLPxILjZtHqRVY2dqcLO8
        Wdy+8G1O2zW24n2ZLwSm+udh7k1bTvpi6G44FMhjLto5UmTZEyPVjnEI
        -----END PRIVATE KEY-----
      PEM
    }
  EOT
  check = <<-EOT
    set -e
    cd /etc/rcprov/tls/own.example.com
    [ "$(stat -c '%a %U' privkey.pem fullchain.pem)" = "$(printf '600 root\n644 root')" ]
    [ "$(openssl x509 -noout -pubkey -in fullchain.pem)" = "$(openssl pkey -pubout -in privkey.pem)" ]
    ! grep -r 'PRIVATE KEY' /var/lib/rcprov
  EOT
  drift "key readable by all" {
    run     = "chmod 644 /etc/rcprov/tls/own.example.com/privkey.pem"
    changes = ["acme_certificate.own/pair"]
  }
  drift "another key" { run = "openssl genpkey -quiet -algorithm ed25519 >/etc/rcprov/tls/own.example.com/privkey.pem 2>/dev/null || echo x >/etc/rcprov/tls/own.example.com/privkey.pem" }
  drift "certificate removed" {
    run     = "rm /etc/rcprov/tls/own.example.com/fullchain.pem"
    changes = ["acme_certificate.own/pair"]
  }
  drift "all removed" { run = "rm -r /etc/rcprov/tls/own.example.com" }
}
