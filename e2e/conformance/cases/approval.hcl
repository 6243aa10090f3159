case "between two files" {
  approve = ["case/approval.go"]
  plan    = <<-EOT
    file "before" {
      path    = "/etc/before"
      content = "1\n"
    }
    approval "go" { text = "Is /etc/before as it should be?" }
    file "after" {
      path    = "/etc/after"
      content = "2\n"
    }
  EOT
  check   = "[ \"$(cat /etc/before /etc/after | tr -d '\\n')\" = 12 ]"
  drift "before it, which needs none" {
    run     = "echo 3 >/etc/before"
    changes = ["file.before"]
  }
  drift "behind it" {
    run     = "rm /etc/after"
    changes = ["approval.go", "file.after"]
  }
}
