// Package debconf is the module debconf: answers to questions that packages ask when they are configured.
package debconf

import _ "embed"

//go:embed args.go
var source string

// Args describe answers to the questions that a package asks while it is configured. They are given before the package
// is installed, so that nobody has to be there to answer.
//
//	debconf "postfix" {
//	  package = "postfix"
//	  answer "postfix/main_mailer_type" {
//	    type  = "select"
//	    value = "Internet Site"
//	  }
//	  answer "postfix/mailname" {
//	    type  = "string"
//	    value = "mail.example.com"
//	  }
//	}
//	apt_package "postfix" { packages = ["postfix"] }
//
// A package reads its answers when it is configured, and mostly then alone: of one that is installed already, changed
// answers are known to debconf and reach nothing until `dpkg-reconfigure -f noninteractive PACKAGE`, and often not even
// then. When a package itself stores another value, the plan's is put back by the next run.
//
// Answers of type `password`, and values from sensitive variables, are never shown (of the latter, one hides all answers
// of its block). debconf keeps passwords where only root reads them; everybody on the host can read all other answers.
type Args struct {
	// The package that asks. It need not be installed, nor known to apt.
	Package string `hcl:"package"`

	// The answers.
	Answers []Answer `hcl:"answer,block"`
}

// Answer is the answer to one question.
type Answer struct {
	// The question's name. Of an installed package `debconf-show PACKAGE` lists them; for another, look for
	// `Template:` in debian/templates of its source.
	Question string `hcl:"question,label"`

	// The question's type, as the package has it.
	Type string `hcl:"type" oneof:"string,password,boolean,select,multiselect,text,note,title"`

	// The answer, one line: of a boolean `true` or `false`; of a select one of the choices exactly as the package
	// has them in English, because another text is no error for debconf, and the package does whatever it does then.
	// Of a multiselect any number of choices separated by `, ` in any order.
	Value string `hcl:"value"`
}
