// Package debconf is the module debconf: answers to questions that packages ask when they are configured.
package debconf

import _ "embed"

//go:embed args.go
var source string

// Args describe answers to the questions that a package asks while it is configured. They are set before the package is
// installed, so that the installation asks nobody.
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
// A package reads its answers when it is configured, and mostly only then: if it is already installed, changed answers are
// stored in debconf, but have no effect before `dpkg-reconfigure -f noninteractive PACKAGE`, and often not even then. If a
// package itself stores another value, the next run restores the plan's.
//
// Answers of type `password`, and values from sensitive variables, are never shown (one such value hides all answers of
// its block). debconf keeps passwords where only root can read them; everybody on the host can read all other answers.
type Args struct {
	// The package that asks. It need not be installed, nor known to apt.
	Package string `hcl:"package"`

	// The answers.
	Answers []Answer `hcl:"answer,block"`
}

// Answer is the answer to one question.
type Answer struct {
	// The question's name. For an installed package, `debconf-show PACKAGE` lists them; for another, see `Template:` in
	// debian/templates of its source.
	Question string `hcl:"question,label"`

	// The question's type, as the package has it.
	Type string `hcl:"type" oneof:"string,password,boolean,select,multiselect,text,note,title"`

	// The answer, one line. For a boolean, `true` or `false`. For a select, one of the choices, exactly as the package
	// has them in English: debconf accepts any other text, and what the package then does is unknown. For a
	// multiselect, any number of choices in any order, separated by `, `.
	Value string `hcl:"value" secret:"yes"`
}
